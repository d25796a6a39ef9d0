// What was written and how it compares with the original, tensor by tensor.

import { type ReactNode, useMemo, useState } from 'react';
import type { ExportResult, VerifyTensor } from '../../../core/protocol/objects.ts';
import { useSession } from '../../app/context.ts';
import { bitsPerWeight, bytes, decibels, figure, grouped, seconds } from '../../charts/numberFormat.ts';
import { shownName, visibleText } from '../../charts/visibleText.ts';
import { CheckIcon, WarningIcon } from '../../ui/icons.tsx';
import { Button } from '../../ui/toolkit.tsx';

const SHOWN = 200;

export function ExportOutcome(props: { result: ExportResult }): ReactNode {
  const { output, bytes: size, bitsPerWeight: bits, seconds: took, verify, rounding } = props.result;
  const session = useSession();
  const [failure, setFailure] = useState('');
  const rows = useMemo(() => [...verify.tensors].sort(worstFirst), [verify]);
  const problems = verify.missing.length + verify.extra.length;
  const act = (call: Promise<unknown>): void => {
    call
      .then(() => setFailure(''))
      .catch((error: unknown) => setFailure(error instanceof Error ? error.message : String(error)));
  };
  return (
    <section className="outcome" aria-label="Result" data-testid="export-result">
      <h3 className={verify.ok ? 'outcome-head ok' : 'outcome-head bad'}>
        {verify.ok ? <CheckIcon /> : <WarningIcon />}
        {verify.ok ? 'Written and verified' : 'Written, but it differs from the plan'}
      </h3>
      <p className="number">
        <code data-testid="export-path">{visibleText(output)}</code>
        <br />
        {bytes(size)} · {bitsPerWeight(bits)} bits per weight · {seconds(took)}
      </p>
      {rounding === undefined ? null : (
        <p className="hint number" data-testid="export-rounding">
          Codes of {grouped(rounding.tensors)} tensors chosen by {rounding.method.toUpperCase()} on{' '}
          {grouped(rounding.chunks)} sequences of {visibleText(rounding.dataset)}
          {rounding.others.length === 0 ? '' : `; ${grouped(rounding.others.length)} others as without it`}.
        </p>
      )}
      <div className="button-row">
        <Button testId="export-open" onClick={() => act(session.client.call('openModel', { path: output }))}>
          Open it here
        </Button>
        <Button testId="export-reveal" onClick={() => act(session.client.call('revealFile', { path: output }))}>
          Show in folder
        </Button>
      </div>
      {failure === '' ? null : <p className="error">{visibleText(failure)}</p>}
      <p className="number" data-testid="verify-summary">
        {grouped(verify.compared)} tensors compared, {grouped(verify.identical)} identical, {grouped(verify.renamed)}{' '}
        renamed
        {problems === 0 ? '' : `, ${verify.missing.length} missing, ${verify.extra.length} extra`}. Worst SQNR{' '}
        <b>{decibels(verify.worstSqnr)}</b>, mean {decibels(verify.meanSqnr)}.
      </p>
      <section
        className="table-scroll"
        aria-label="Comparison by tensor"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard.
        tabIndex={0}
      >
        <table className="figures" data-testid="verify-table">
          <thead>
            <tr>
              <th scope="col">tensor</th>
              <th scope="col">types</th>
              <th scope="col">SQNR</th>
              <th scope="col">max error</th>
            </tr>
          </thead>
          <tbody>
            {rows.slice(0, SHOWN).map((row) => (
              <tr
                key={`${row.name}\0${row.exportedName}`}
                className={row.status === 'same' || row.status === 'close' ? '' : 'bad'}
              >
                <th scope="row" title={visibleText(`${row.name} → ${row.exportedName}`)}>
                  {shownName(row.exportedName || row.name, 44)}
                </th>
                <td>
                  {row.originalDtype ?? '–'} → {row.exportedDtype ?? '–'}
                </td>
                <td>
                  {row.status === 'same' ? 'identical' : row.status === 'close' ? decibels(row.sqnr) : row.status}
                </td>
                <td>{figure(row.maxError)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
      {rows.length > SHOWN ? (
        <p className="hint number">
          the {SHOWN} worst of {grouped(rows.length)}
        </p>
      ) : null}
    </section>
  );
}

/** Broken tensors, then the noisiest. */
function worstFirst(a: VerifyTensor, b: VerifyTensor): number {
  const broken = (row: VerifyTensor): number => (row.status === 'same' || row.status === 'close' ? 1 : 0);
  return broken(a) - broken(b) || sortable(a.sqnr) - sortable(b.sqnr);
}

function sortable(sqnr: number): number {
  return Number.isNaN(sqnr) ? -Infinity : Math.min(sqnr, 1e9);
}
