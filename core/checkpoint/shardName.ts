// NAME-00001-of-00003.EXT: how both formats call the parts of one checkpoint.

export interface ShardName {
  readonly prefix: string;
  /** As written: counting from 1, or from 0 in some safetensors checkpoints. */
  readonly number: number;
  readonly count: number;
  readonly extension: string;
}

const PATTERN = /^(.*)-(\d{5})-of-(\d{5})(\.[A-Za-z0-9]+)$/;

/** Splits a base name, or returns null when it is not a part's name. */
export function parseShardName(name: string): ShardName | null {
  const match = PATTERN.exec(name);
  if (match === null) return null;
  const [, prefix = '', number = '', count = '', extension = ''] = match;
  return { prefix, number: Number(number), count: Number(count), extension };
}

export function shardName({ prefix, count, extension }: ShardName, number: number): string {
  const digits = (value: number): string => String(value).padStart(5, '0');
  return `${prefix}-${digits(number)}-of-${digits(count)}${extension}`;
}

/** True when all names are parts of one and the same checkpoint. */
export function sameCheckpoint(names: readonly string[]): boolean {
  const parts = names.map(parseShardName);
  const first = parts[0];
  if (first === undefined || first === null) return false;
  return parts.every(
    (part) => part?.prefix === first.prefix && part.count === first.count && part.extension === first.extension,
  );
}
