// Named limits, each with its reason. Errors quote them as facts.

/** safetensors specification: headers above 100 MB are refused. */
export const MAX_SAFETENSORS_HEADER_BYTES = 100_000_000;
/** Scratch of one worker thread; two workers and the host stay under the 512 MB the engine may keep resident. */
export const MAX_ARENA_BYTES = 160 * 1024 * 1024;
/** Descriptors one thread keeps open; below the usual limit of 1024 per process with eight threads. */
export const MAX_CACHED_DESCRIPTORS = 96;
/** Configurations and plans are kilobytes; tokenizer.json of a 256k vocabulary reaches 35 MB. */
export const MAX_TEXT_FILE_BYTES = 128_000_000;
/** config.json of the largest published models is some 100 kB (per-layer quantization rules included). */
export const MAX_CONFIG_BYTES = 8_000_000;
/** An index names every tensor once, as a shard's header does, and gets the same bound. */
export const MAX_INDEX_BYTES = 100_000_000;
/** Largest published splits have a few hundred files; each costs a descriptor and a read. */
export const MAX_SHARDS = 4096;
/** All tensors of one checkpoint; a table of this size fits the memory bound (about 150 bytes each). */
export const MAX_TENSORS = 2_000_000;
/** Names are paths of module attributes: the longest published ones are some 200 bytes. */
export const MAX_NAME_BYTES = 1024;
/** ggml.h GGML_MAX_NAME: llama.cpp refuses names of 64 bytes and more. */
export const GGML_MAX_NAME_BYTES = 64;
/** PyTorch's limit of dimensions; ggml has 4. */
export const MAX_TENSOR_RANK = 64;
/** ggml.h GGML_MAX_DIMS. */
export const GGML_MAX_DIMENSIONS = 4;
/** A 256k vocabulary with merges takes 15 MB, a million tensor infos 100 MB. */
export const MAX_GGUF_HEADER_BYTES = 256 * 1024 * 1024;
/** Real files have some 50 keys. */
export const MAX_GGUF_KEYS = 65_536;
/** GGUF specification: a key is at most 2^16 − 1 bytes. */
export const MAX_GGUF_KEY_BYTES = 65_535;
/** Arrays inside arrays are legal but never seen; bounded against stack exhaustion. */
export const MAX_GGUF_ARRAY_DEPTH = 4;
/** Vocabularies have a quarter of a million entries, their merges half a million; decoded, an item takes some 50 bytes. */
export const MAX_GGUF_ARRAY_ITEMS = 4_000_000;
/** Arrays of one array of arrays. */
export const MAX_GGUF_NESTED_ARRAYS = 65_536;
/** Data alignment: 32 by default, a page or a huge page at most. */
export const MAX_GGUF_ALIGNMENT = 1 << 21;
/** JSON nesting inside a tensor's entry: the specification needs 1. */
export const MAX_JSON_DEPTH = 16;
/** Headers of all shards together; keeps a folder of hostile shards inside the memory bound. */
export const MAX_TOTAL_HEADER_BYTES = 256 * 1024 * 1024;
/** One kind of cached results on disk; statistics of a 20,000-tensor model take about 100 MB. */
export const MAX_CACHE_BYTES = 512 * 1024 * 1024;
/** An entry is read whole into memory. */
export const MAX_CACHE_ENTRY_BYTES = 128 * 1024 * 1024;
/** A PyTorch archive has one entry per storage, and a few of its own. */
export const MAX_ZIP_ENTRIES = MAX_TENSORS + 65_536;
/** Records of a million entries take some 100 MB; bounded as all headers together are. */
export const MAX_ZIP_DIRECTORY_BYTES = MAX_TOTAL_HEADER_BYTES;
/** One HDF5 object header: a dataset's has some hundred bytes, a group's with attributes some 64 kB. */
export const MAX_HDF5_HEADER_BYTES = 4 * 1024 * 1024;
/** Messages of one HDF5 object header: attributes and links; newer groups keep more than a few elsewhere. */
export const MAX_HDF5_MESSAGES = 65_536;
/** Groups inside groups and levels of a group's tree: a model's layers nest some ten deep. */
export const MAX_HDF5_DEPTH = 32;
/** A part of a tensor (codes, scales) read whole because its rows lie far apart; GPTQ codes of 8192 × 8192 take 32 MB. */
export const MAX_KEPT_PART_BYTES = 32 * 1024 * 1024;
/** All parts one thread keeps while a task runs; beside its arena inside the 512 MB the engine may keep resident. */
export const MAX_KEPT_BYTES = 48 * 1024 * 1024;
/** A pickled state dict takes some 200 bytes a tensor; bounded as all headers together are. */
export const MAX_PICKLE_BYTES = MAX_TOTAL_HEADER_BYTES;
/** A tensor takes some 45 opcodes; a second of work. */
export const MAX_PICKLE_OPCODES = 64_000_000;
/** What unpickled values take, counted in words of 16 bytes: some 54 a tensor, a gigabyte in all at worst. */
export const MAX_PICKLE_WORDS = 64_000_000;
/** Values on the unpickler's stack: TorchScript writes a dict of a large vocabulary without batches. */
export const MAX_PICKLE_STACK = 1_000_000;
/** Values in the unpickler's memo: Python remembers every text and container, some four a tensor. */
export const MAX_PICKLE_MEMO = 4_000_000;
/** Containers inside containers: Python itself cannot pickle more than some 500. */
export const MAX_PICKLE_DEPTH = 512;
/** Integers of pickles: storage keys have 8 bytes, hashes 64. Their conversion to text is quadratic. */
export const MAX_PICKLE_INTEGER_BYTES = 1024;
/** Different classes and functions one pickle names: real files have some ten, pickled modules some hundred. */
export const MAX_PICKLE_GLOBALS = 65_536;
/** Elements of a view that repeats stored ones (stride 0): a few bytes could claim an endless scan. */
export const MAX_REPEATED_ELEMENTS = 1 << 28;
/** Ancient PyTorch files have four entries, other model archives some hundred. */
export const MAX_TAR_ENTRIES = 65_536;
/** A small part of a packed tensor read at opening: the group list of 262,144 columns, far beyond any layer. */
export const MAX_PACKED_PART_BYTES = 1 << 20;
/** All of them together: group lists of a 405-billion-parameter model take 70 MB. */
export const MAX_PACKED_PARTS_BYTES = 96 * 1024 * 1024;
/** Names, nodes and shapes of an ONNX file; those of a model with a million tensors take 100 MB. */
export const MAX_ONNX_STRUCTURE_BYTES = MAX_TOTAL_HEADER_BYTES;
/** A language model with 80 layers has some ten thousand nodes, unrolled loops a few hundred thousand. */
export const MAX_ONNX_NODES = 1_000_000;
/** Graphs inside If, Loop and Scan nodes: real models nest 3 deep. */
export const MAX_ONNX_GRAPH_DEPTH = 16;
/** Numbers that an ONNX file keeps without fixed width, read while opening: shapes and zero points, 16 MB of memory. */
export const MAX_ONNX_NUMBERS = 4_194_304;
/** numpy/lib/format.py, _MAX_HEADER_SIZE: NumPy itself refuses longer ones; headers of plain arrays have 128. */
export const MAX_NPY_HEADER_BYTES = 10_000;
/** Text to evaluate on: tens of millions of tokens, hours of running. */
export const MAX_EVALUATION_TEXT_BYTES = 128 * 1024 * 1024;
/** XᵀX of one linear layer's input in float64: 11,585 columns, the inner width of a 7-billion-parameter Llama (11,008) included. */
export const MAX_HESSIAN_BYTES = 1024 * 1024 * 1024;
/** A record of a job's journal: a tensor's name and a sentence; failures quote names and paths. */
export const MAX_JOURNAL_LINE_BYTES = 64 * 1024;
/** Some 300 bytes a unit, a unit some tenths of a second: a job of weeks. */
export const MAX_JOURNAL_BYTES = 512 * 1024 * 1024;
/** Experts of one layer, each with graph inputs of its own; the largest published models have 512. */
export const MAX_EXPERTS = 4096;
/** Heads are a few hundred wide, and half as many pairs rotate. */
export const MAX_ROTARY_PAIRS = 65_536;
