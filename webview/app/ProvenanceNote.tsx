// How a number came to be, under what it belongs to: measured or estimated, by what method, on what, when.

import type { ReactNode } from 'react';
import type { Provenance } from '../../core/protocol/objects.ts';
import { visibleText } from '../charts/visibleText.ts';

export function ProvenanceNote(props: {
  provenance: Provenance | null;
  /** The file changed since. */
  stale?: boolean;
  testId?: string;
  more?: readonly string[];
}): ReactNode {
  const { provenance, stale = false, testId, more = [] } = props;
  if (provenance === null) return null;
  const { kind, method, at } = provenance;
  return (
    <p className="hint foot-note" data-testid={testId}>
      <span className={stale ? 'pill warning' : kind === 'measured' ? 'pill' : 'pill quiet'}>
        {stale ? 'stale' : kind}
      </span>{' '}
      {[method, ...more, whenText(at)].map(visibleText).join(' · ')}
    </p>
  );
}

/** A time of day as the reader's clock shows it; anything else as it is. */
export function whenText(at: string): string {
  const time = new Date(at);
  return Number.isNaN(time.getTime())
    ? at
    : time.toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'short' });
}
