// Functions and modules no model needs, and what calling them does: what attackers put into pickles.
// Gathered from the lists of the scanners picklescan and fickling, and Python's library reference.

const COMMANDS = 'runs programs';
const CODE = 'runs Python code';
const IMPORTS = 'imports modules';
const PICKLES = 'loads further pickles or code';
const NETWORK = 'reaches the network';
const FILES = 'reads, writes or removes files';
const MEMORY = 'reaches memory and native code';
const ATTRIBUTES = 'reaches any function by its name';
const PROCESS = 'changes the running process';
const CALLS = 'calls functions handed to it';

/** Module (with all below it) → what its functions do. */
export const SUSPICIOUS_MODULES: ReadonlyMap<string, string> = new Map([
  ...named(
    COMMANDS,
    'os posix nt subprocess _posixsubprocess pty commands popen2 pexpect pipes platform _winapi _osx_support _aix_support',
  ),
  ...named(COMMANDS, 'pip ensurepip venv setuptools distutils webbrowser antigravity multiprocessing concurrent'),
  ...named(CODE, 'code codeop runpy bdb pdb timeit trace profile cProfile doctest pydoc idlelib lib2to3 unittest'),
  ...named(CODE, '_interpreters _xxsubinterpreters numpy.f2py numpy.testing numpy.distutils torch.utils.bottleneck'),
  ...named(CODE, 'torch._inductor torch._dynamo torch.fx torch.utils.cpp_extension torch.utils._config_module IPython'),
  ...named(IMPORTS, 'importlib _frozen_importlib _frozen_importlib_external _imp imp pkgutil zipimport modulefinder'),
  ...named(
    PICKLES,
    'pickle _pickle cPickle pickletools marshal shelve dill cloudpickle joblib torch.hub torch.package',
  ),
  ...named(
    NETWORK,
    'socket _socket ssl _ssl http httplib urllib urllib2 urllib3 requests aiohttp httpx asyncio select',
  ),
  ...named(NETWORK, 'ftplib smtplib imaplib poplib nntplib telnetlib socketserver xmlrpc selectors paramiko'),
  ...named(FILES, 'shutil tempfile glob fileinput linecache filecmp tarfile zipfile sqlite3 _sqlite3 dbm'),
  ...named(FILES, 'logging.config logging.handlers py_compile compileall'),
  ...named(MEMORY, 'ctypes _ctypes cffi mmap numpy.ctypeslib'),
  ...named(ATTRIBUTES, 'sys inspect gc site'),
  ...named(PROCESS, 'signal _signal threading _thread atexit faulthandler'),
]);

/** Function → what it does. */
export const SUSPICIOUS_FUNCTIONS: ReadonlyMap<string, string> = new Map([
  ...named(CODE, 'builtins.eval builtins.exec builtins.execfile builtins.compile builtins.breakpoint builtins.input'),
  ...named(CODE, 'types.CodeType types.FunctionType types.LambdaType types.MethodType types.ModuleType'),
  ...named(IMPORTS, 'builtins.__import__ builtins.__build_class__ builtins.reload'),
  ...named(FILES, 'builtins.open builtins.file numpy.fromfile numpy.memmap numpy.save numpy.savetxt torch.save'),
  ...named(FILES, 'io.open io.open_code io.FileIO _io.open _io.open_code _io.FileIO codecs.open logging.FileHandler'),
  ...named(ATTRIBUTES, 'builtins.getattr builtins.setattr builtins.delattr builtins.hasattr builtins.globals'),
  ...named(ATTRIBUTES, 'builtins.locals builtins.vars builtins.dir builtins.super'),
  ...named(ATTRIBUTES, 'operator.attrgetter operator.itemgetter operator.methodcaller'),
  ...named(ATTRIBUTES, '_operator.attrgetter _operator.itemgetter _operator.methodcaller'),
  ...named(
    CALLS,
    'builtins.apply builtins.map builtins.filter builtins.reduce builtins.sorted builtins.min builtins.max',
  ),
  ...named(CALLS, 'operator.call _operator.call functools.partial functools.partialmethod functools.reduce'),
  ...named(
    CALLS,
    '_functools.partial _functools.reduce itertools.starmap torch.jit.unsupported_tensor_ops.execWrapper',
  ),
  ...named(CALLS, 'torch.utils._pytree.tree_map'),
  ...named(MEMORY, 'builtins.memoryview torch.from_file torch.ops.load_library torch._C._load_library'),
  ...named(PICKLES, 'torch.load torch.serialization.load torch.jit.load torch.jit._serialization.load numpy.load'),
  ...named(PICKLES, 'torch.storage._load_from_bytes pandas.read_pickle pandas.io.pickle.read_pickle'),
  ...named(
    PICKLES,
    'torch.utils.data.datapipes.utils.decoder.basichandlers torch.distributed.rpc.internal.deserialize',
  ),
  ...named(COMMANDS, 'torch.utils.collect_env.run'),
]);

/** Python 2 called them differently; pickles of protocol 0 to 2 still do. */
export const MODULE_ALIASES: ReadonlyMap<string, string> = new Map([
  ['__builtin__', 'builtins'],
  ['__builtins__', 'builtins'],
  ['copy_reg', 'copyreg'],
  ['UserDict', 'collections'],
]);

function named(deed: string, names: string): [string, string][] {
  return names.split(' ').map((name) => [name, deed]);
}
