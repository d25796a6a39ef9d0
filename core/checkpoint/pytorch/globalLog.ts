// Every class and function a checkpoint's pickles name, and which of them a user must be warned of.

import { MAX_PICKLE_GLOBALS } from '../../base/limits.ts';
import { quoteName } from '../tensorName.ts';
import type { PickleCursor } from './pickleCursor.ts';
import { globalPath, type PickleGlobal } from './pickleValue.ts';
import { isReconstructed } from './reconstruct.ts';
import { MODULE_ALIASES, SUSPICIOUS_FUNCTIONS, SUSPICIOUS_MODULES } from './suspiciousGlobalsTable.ts';

/** Names shown in one warning; all of them are in the metadata. */
const SHOWN_GLOBALS = 12;
/** Warnings of one file about suspicious globals. */
const SHOWN_SUSPICIONS = 16;
/** __globals__, __subclasses__, …: the way around every list of names. */
const PRIVATE_ATTRIBUTE = /^__[a-z_]+__$/;

/** Modules that others import under this name, so that they can be reached through these. */
const IMPORTED_EVERYWHERE = new Set(['os', 'sys', 'subprocess', 'builtins', 'importlib', 'pickle', 'shutil', 'socket']);

interface Suspicion {
  readonly global: string;
  readonly deed: string;
  /** "GLOBAL at byte 12" */
  readonly named: string;
  /** "REDUCE at byte 40": the first opcode that would call it. */
  called: string | null;
}

export class GlobalLog {
  readonly #known = new Map<string, PickleGlobal>();
  readonly #unknown = new Set<string>();
  readonly #suspicions = new Map<PickleGlobal, Suspicion>();

  /** "module.name" of every global met, sorted. */
  get paths(): string[] {
    return [...new Set([...this.#known.values()].map(globalPath))].sort();
  }

  /** One object for every global, whatever opcode named it. @throws COUNT_LIMIT */
  meet(module: string, name: string, opcode: string, at: number, cursor: PickleCursor): PickleGlobal {
    const key = `${module}\n${name}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    if (this.#known.size === MAX_PICKLE_GLOBALS) {
      cursor.fail(`more than ${MAX_PICKLE_GLOBALS} classes and functions are named`, 'COUNT_LIMIT');
    }
    const global: PickleGlobal = { kind: 'global', module: MODULE_ALIASES.get(module) ?? module, name };
    this.#known.set(key, global);
    const deed = suspicionOf(global);
    if (deed !== null) {
      const opcodeName = `${opcode} at ${cursor.position(at)}`;
      this.#suspicions.set(global, {
        global: globalPath({ ...global, module }),
        deed,
        named: opcodeName,
        called: null,
      });
    } else if (!isReconstructed(global) && !isModuleClass(global)) this.#unknown.add(globalPath(global));
    return global;
  }

  /** A call that Python would make and this reader does not. */
  called(global: PickleGlobal, opcode: string, at: number, cursor: PickleCursor): void {
    const suspicion = this.#suspicions.get(global);
    if (suspicion !== undefined) suspicion.called ??= `${opcode} at ${cursor.position(at)}`;
  }

  /** @param place file and entry, for the messages */
  warnings(place: string): string[] {
    const suspicions = [...this.#suspicions.values()];
    const warnings = suspicions.slice(0, SHOWN_SUSPICIONS).map((suspicion) => `${place}: ${describe(suspicion)}`);
    const more = suspicions.length - SHOWN_SUSPICIONS;
    if (more > 0) warnings.push(`${place}: ${more} more suspicious functions are named; nothing was run here`);
    const unknown = [...this.#unknown].sort();
    if (unknown.length > 0) {
      const shown = unknown.slice(0, SHOWN_GLOBALS).map(shownName).join(', ');
      const rest = unknown.length > SHOWN_GLOBALS ? `, … (${unknown.length} in all)` : '';
      warnings.push(`${place}: objects of ${shown}${rest} are kept as inert data; loading with Python would need them`);
    }
    return warnings;
  }

  /** The first suspicion, for errors of pickles that break off: Python runs everything before the break. */
  get firstSuspicion(): string | null {
    const [first] = this.#suspicions.values();
    return first === undefined ? null : describe(first);
  }
}

function describe({ global, deed, named, called }: Suspicion): string {
  const what = `${shownName(global)}, which ${deed}`;
  if (called === null) return `names ${what} (opcode ${named}); Python would import it, nothing was run here`;
  return `would run ${what}, when loaded by Python (opcode ${called}, named by ${named}); nothing was run here`;
}

function suspicionOf(global: PickleGlobal): string | null {
  if (isReconstructed(global)) return null;
  const path = globalPath(global);
  const parts = path.split('.');
  for (let length = 1; length < parts.length; length++) {
    const deed = SUSPICIOUS_MODULES.get(parts.slice(0, length).join('.'));
    if (deed !== undefined) return deed;
  }
  const own = SUSPICIOUS_FUNCTIONS.get(path);
  if (own !== undefined) return own;
  // Protocol 4 follows dots in names, and modules import others: torch.serialization + "os.system" is os.system.
  const attributes = global.name.split('.');
  for (const [at, attribute] of attributes.entries()) {
    if (PRIVATE_ATTRIBUTE.test(attribute)) return 'reaches any function by its name';
    if (attributes.length === 1 && !IMPORTED_EVERYWHERE.has(attribute)) return null;
    const isModule = at < attributes.length - 1 || attributes.length === 1;
    const deed = isModule ? SUSPICIOUS_MODULES.get(attribute) : SUSPICIOUS_FUNCTIONS.get(`builtins.${attribute}`);
    if (deed !== undefined) return deed;
  }
  return null;
}

/** Classes of layers and of TorchScript: their state is read, so that they need no warning. */
function isModuleClass({ module, name }: PickleGlobal): boolean {
  return /^(torch\.nn\.|__torch__(\.|$))/.test(module) && /^_{0,3}[A-Z][A-Za-z0-9_]*$/.test(name);
}

/** A global as people read it; quoted when it is no plain dotted name. */
export function shownName(path: string): string {
  return /^[A-Za-z0-9_.]{1,100}$/.test(path) ? path : quoteName(path);
}
