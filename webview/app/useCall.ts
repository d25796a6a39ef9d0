// One answer of the host for the present parameters: older questions are cancelled, failures are kept to be drawn.

import { useEffect, useState } from 'react';
import type { Params, Result, WebviewCall } from '../../core/protocol/calls.ts';
import { useSession } from './context.ts';
import { type Failure, failureOf, isCancelled } from './hostFailure.ts';

export interface Answer<T> {
  /** The last answer; kept while a newer question runs, so that pictures do not flicker. */
  readonly value: T | null;
  readonly failure: Failure | null;
  readonly pending: boolean;
}

/** @param params  null asks nothing; compared by its JSON, so callers need not memoize */
export function useCall<C extends WebviewCall>(
  method: C,
  params: Params<C> | null,
  keepWhile: unknown,
): Answer<Result<C>> {
  const session = useSession();
  const key = params === null ? null : JSON.stringify(params);
  const [state, setState] = useState<Answer<Result<C>> & { subject: unknown }>({
    value: null,
    failure: null,
    pending: false,
    subject: keepWhile,
  });
  useEffect(() => {
    if (key === null) {
      setState({ value: null, failure: null, pending: false, subject: keepWhile });
      return;
    }
    const controller = new AbortController();
    setState((old) => ({
      value: Object.is(old.subject, keepWhile) ? old.value : null,
      failure: null,
      pending: true,
      subject: keepWhile,
    }));
    session.client.call(method, JSON.parse(key) as Params<C>, controller.signal).then(
      (value) => {
        if (!controller.signal.aborted) setState({ value, failure: null, pending: false, subject: keepWhile });
      },
      (error: unknown) => {
        const failure = failureOf(error);
        if (controller.signal.aborted || isCancelled(failure)) return;
        setState({ value: null, failure, pending: false, subject: keepWhile });
      },
    );
    return () => controller.abort();
  }, [session, method, key, keepWhile]);
  return Object.is(state.subject, keepWhile) ? state : { value: null, failure: null, pending: key !== null };
}
