// Errors as the sides of the protocol see them: the one tagged error of core/base.

export {
  type ErrorCode,
  type Failure,
  isQuantscopeError,
  QuantscopeError,
  toFailure,
} from '../base/errors.ts';
