// One tagged error for everything a user can be told: a code to match on, a sentence with file, fact and limit.

/** Every failure the product reports. Match on the code, never on the text. */
export const ERROR_CODES = [
  'USAGE',
  'FILE_NOT_FOUND',
  'FILE_UNREADABLE',
  'FILE_EMPTY',
  'FILE_CHANGED',
  'FILE_TRUNCATED',
  'FORMAT_UNKNOWN',
  'LFS_POINTER',
  'HEADER_TOO_LARGE',
  'HEADER_TRUNCATED',
  'HEADER_INVALID',
  'VERSION_UNSUPPORTED',
  'COUNT_LIMIT',
  'DUPLICATE_NAME',
  'NAME_INVALID',
  'DTYPE_UNKNOWN',
  'SHAPE_INVALID',
  'TENSOR_OVERRUN',
  'TENSOR_OVERLAP',
  'TENSOR_GAP',
  'SHARD_MISSING',
  'SHARD_MISMATCH',
  'PATH_ESCAPE',
  'ARCHIVE_INVALID',
  'NESTING_LIMIT',
  'PACKING_INVALID',
  'TENSOR_NOT_FOUND',
  'PATTERN_INVALID',
  'TYPE_UNKNOWN',
  'LOCK_MATCHED_NOTHING',
  'LOCK_CONFLICT',
  'BUDGET_INFEASIBLE',
  'PLAN_INVALID',
  'PLAN_MISMATCH',
  'NON_FINITE',
  'UNSUPPORTED_ARCHITECTURE',
  'TOKENIZER_UNSUPPORTED',
  'OUTPUT_EXISTS',
  'OUTPUT_IS_INPUT',
  'OUTPUT_INVALID',
  'DISK_FULL',
  'VERIFY_FAILED',
  'MEMORY_LIMIT',
  'RUNTIME_MISSING',
  'TEXT_TOO_SHORT',
  'JOB_INVALID',
  'JOB_RUNNING',
  'JOB_STATE',
  'DEVICE_UNAVAILABLE',
  'DEVICE_LOST',
  'LAUNCH_FAILED',
  'CANCELLED',
  'ENGINE_CRASHED',
  'PROTOCOL',
  'INTERNAL',
] as const;

export type ErrorCode = (typeof ERROR_CODES)[number];

export class QuantscopeError extends Error {
  readonly code: ErrorCode;

  /** @param message file, fact, limit: "model.gguf: tensor 12 ends at 9 GB, file at 4 GB" */
  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'QuantscopeError';
    this.code = code;
  }
}

export function isQuantscopeError(error: unknown): error is QuantscopeError {
  return error instanceof QuantscopeError;
}

/** What crosses a process border: code and sentence, never a stack. */
export interface Failure {
  code: ErrorCode;
  message: string;
}

export function toFailure(error: unknown): Failure {
  if (isQuantscopeError(error)) return { code: error.code, message: error.message };
  return { code: 'INTERNAL', message: error instanceof Error ? error.message : String(error) };
}
