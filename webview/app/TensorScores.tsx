// What the measured scores say of one tensor, with their errors, and how an error made here runs on through the model.

import { type ReactNode, useMemo } from 'react';
import type { ScoreId } from '../../core/protocol/calibration.ts';
import { DepthCurve, depthPoints } from '../charts/DepthCurve.tsx';
import { figure } from '../charts/numberFormat.ts';
import { visibleText } from '../charts/visibleText.ts';
import { ChartWithTable } from './ChartWithTable.tsx';
import { useModel } from './context.ts';
import { inWordsOf, metricById, scoreMetricId } from './metrics.ts';
import { whenText } from './ProvenanceNote.tsx';

export function TensorScores(props: { tensor: number }): ReactNode {
  const { tensor } = props;
  const scores = useModel((s) => s.scores);
  const methods = useModel((s) => s.scoreMethods);
  const version = useModel((s) => s.figuresVersion);
  const layer = useModel((s) => s.table?.layers[tensor] ?? -1);
  const { rows, curve } = useMemo(() => {
    void version;
    return {
      rows: [...scores].flatMap(([id, columns]) => {
        const value = columns.values[tensor] ?? Number.NaN;
        return Number.isNaN(value)
          ? []
          : [{ id, value, error: columns.errors[tensor] ?? Number.NaN, provenance: columns.provenance }];
      }),
      curve: scores.get('propagatedError')?.curves.get(tensor),
    };
  }, [scores, version, tensor]);
  if (rows.length === 0) return null;
  const words = (id: ScoreId) => {
    const metric = metricById(scoreMetricId(id));
    return metric === undefined ? null : inWordsOf(metric, methods);
  };
  const points = depthPoints(curve ?? [], layer);
  return (
    <section aria-label="Measured scores" data-testid="tensor-scores">
      <h3>Measured here</h3>
      <table className="figures" aria-label="Measured scores of this tensor">
        <thead>
          <tr>
            <th scope="col">score</th>
            <th scope="col">value</th>
            <th scope="col">standard error</th>
            <th scope="col">when</th>
          </tr>
        </thead>
        <tbody>
          {rows.map(({ id, value, error, provenance }) => (
            <tr
              key={id}
              title={[words(id)?.formula, words(id)?.unit, provenance?.method]
                .filter((part) => part !== undefined && part !== '')
                .map((part) => visibleText(part ?? ''))
                .join(' · ')}
            >
              <th scope="row">{visibleText(words(id)?.label ?? id)}</th>
              <td>{figure(value)}</td>
              <td>{Number.isNaN(error) ? '–' : `± ${figure(error)}`}</td>
              <td>{provenance === null ? 'running' : whenText(provenance.at)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {points.length === 0 ? null : (
        <ChartWithTable
          id="propagated"
          title="Error of the hidden state after each block"
          figures={() => ({
            columns: [{ label: 'after block', text: String }, { label: 'relative error' }],
            rows: points.map((p) => ({ key: p.layer, cells: [p.layer, p.value] })),
          })}
        >
          <DepthCurve
            points={points}
            label={`Relative error of the hidden state after blocks ${points[0]?.layer} to ${points.at(-1)?.layer}`}
          />
        </ChartWithTable>
      )}
    </section>
  );
}
