// Home: the grid under the present lens, its metric and legend, and the table behind it.

import { memo, type ReactNode, useCallback, useMemo, useState } from 'react';
import { rampColor } from '../charts/colorScale.ts';
import { type GridCell, LayerGrid } from '../charts/LayerGrid.tsx';
import { Legend } from '../charts/Legend.tsx';
import { grouped, shapeText } from '../charts/numberFormat.ts';
import { bitsColor } from '../charts/typeBits.ts';
import { shownName } from '../charts/visibleText.ts';
import { Empty } from '../ui/states.tsx';
import { Checkbox, Dropdown, TextField } from '../ui/toolkit.tsx';
import {
  type LensFigures,
  useImportance,
  useLayout,
  useLensFigures,
  useModel,
  useSession,
  useThreshold,
  useView,
} from './context.ts';
import { inWordsOf, LENS_METRICS, metricById, showsTypes } from './metrics.ts';
import { matchNames } from './nameFilter.ts';
import { storedText } from './storedAs.ts';
import { TensorTableView } from './TensorTableView.tsx';
import { ThresholdField } from './ThresholdField.tsx';
import { TypeLegend } from './TypeLegend.tsx';
import { TARGETS } from './tensorFigures.ts';
import { pin, SCALE_KINDS, select, toggleMark } from './viewState.ts';

const NO_NAMES: readonly string[] = [];

export function GridPane(): ReactNode {
  const display = useView((v) => v.display);
  const table = useModel((s) => s.table);
  const figures = useLensFigures();
  const [hovered, setHovered] = useState<readonly number[] | null>(null);
  if (table === null || table.names.length === 0) return <Empty>This file holds no tensors.</Empty>;
  return (
    <>
      <GridToolbar figures={figures} />
      {display === 'grid' ? <Grid figures={figures} onHover={setHovered} /> : <TensorTableView figures={figures} />}
      {display === 'grid' ? <GridFoot figures={figures} hovered={hovered} /> : null}
    </>
  );
}

function GridToolbar(props: { figures: LensFigures }): ReactNode {
  const { metric, scale } = props.figures;
  const session = useSession();
  const lens = useView((v) => v.lens);
  const display = useView((v) => v.display);
  const filter = useView((v) => v.filter);
  const showVectors = useView((v) => v.showVectors);
  const sensitivityType = useView((v) => v.sensitivityType);
  const importance = useImportance();
  const vectors = useModel((s) => s.table?.shapes.some((shape) => shape.length < 2) ?? false) && !importance;
  const methods = useModel((s) => s.scoreMethods);
  const metrics = LENS_METRICS[lens].map((id) => {
    const known = metricById(id);
    return { value: id, label: known === undefined ? id : inWordsOf(known, methods).label };
  });
  const names = useModel((s) => s.table?.names ?? NO_NAMES);
  const matching = useMemo(() => matchNames(names, filter), [names, filter]);
  return (
    <div className="toolbar">
      <Dropdown
        label="Metric"
        testId="metric"
        className="metric-picker"
        value={metric.id}
        options={metrics}
        onChange={(id) => session.view.set((v) => ({ metrics: { ...v.metrics, [v.lens]: id } }))}
      />
      {metric.id === 'damage' ? (
        <Dropdown
          label="Type to quantize to"
          testId="sensitivity-type"
          className="short"
          value={sensitivityType}
          options={TARGETS.map((type) => ({ value: type, label: type }))}
          onChange={(type) => session.view.set({ sensitivityType: type })}
        />
      ) : null}
      {showsTypes(metric) ? null : (
        <Dropdown
          label="Scale"
          testId="scale"
          className="short"
          value={scale.kind}
          options={SCALE_KINDS.map((kind) => ({
            value: kind,
            label: kind === 'percentile' ? 'percentile' : `${kind} scale`,
          }))}
          onChange={(kind) => session.view.set((v) => ({ scales: { ...v.scales, [metric.id]: kind } }))}
        />
      )}
      {metric.id === 'chosenBits' ? null : <ThresholdField figures={props.figures} />}
      <TextField
        label="Filter tensors by name or regular expression"
        testId="filter"
        className="filter"
        placeholder="Filter: name or /regex/"
        value={filter}
        onInput={(text) => session.view.set({ filter: text })}
      />
      {filter === '' ? null : (
        <span className={matching.failure === null ? 'hint number' : 'hint error'} data-testid="filter-count">
          {matching.failure ?? `${grouped(matching.count)} match`}
        </span>
      )}
      <span className="spring" />
      {vectors && display === 'grid' ? (
        <Checkbox testId="show-vectors" checked={showVectors} onChange={(on) => session.view.set({ showVectors: on })}>
          norms, biases
        </Checkbox>
      ) : null}
      <fieldset className="segmented">
        <legend className="visually-hidden">Show as</legend>
        {(['grid', 'table'] as const).map((kind) => (
          <button
            key={kind}
            type="button"
            aria-pressed={display === kind}
            data-testid={`display-${kind}`}
            onClick={() => session.view.set({ display: kind })}
          >
            {kind === 'grid' ? 'Grid' : 'Table'}
          </button>
        ))}
      </fieldset>
    </div>
  );
}

/** Memoized: pointing at cells changes the line below the grid, never the grid. */
const Grid = memo(function Grid(props: {
  figures: LensFigures;
  onHover(tensors: readonly number[] | null): void;
}): ReactNode {
  const { figures, onHover } = props;
  const { metric, values, scale } = figures;
  const session = useSession();
  const layout = useLayout();
  const table = useModel((s) => s.table);
  const solution = useModel((s) => s.solution);
  const selected = useView((v) => v.selected);
  const marked = useView((v) => v.marked);
  const pins = useView((v) => v.pins);
  const filter = useView((v) => v.filter);
  const threshold = useThreshold(metric);
  const names = useModel((s) => s.table?.names ?? NO_NAMES);
  const rules = useView((v) => v.locks);
  const locks = useMemo(() => rules.map((lock) => matchNames(names, `/${lock.pattern}/`)), [rules, names]);
  const marks = useMemo(() => new Set(marked), [marked]);
  const pinned = useMemo(() => new Set(pins.map((entry) => entry.name)), [pins]);
  const matching = useMemo(() => matchNames(names, filter), [names, filter]);

  const cell = useCallback(
    (tensors: readonly number[]): GridCell => {
      const worst = worstOf(tensors, values);
      const value = values[worst] ?? Number.NaN;
      const name = names[worst] ?? '';
      const assigned = solution?.tensors[name];
      const locked =
        assigned !== undefined &&
        tensors.some((t) => pinned.has(names[t] ?? '') || locks.some((lock) => lock.matches?.[t] === 1));
      const dimmed = matching.matches !== null && !tensors.some((t) => matching.matches?.[t] === 1);
      const position = scale.position(value);
      const color = Number.isNaN(value)
        ? null
        : showsTypes(metric)
          ? bitsColor(value)
          : rampColor(metric.ramp, position);
      const text =
        metric.id === 'storedBits'
          ? (table?.dtypes[worst] ?? '')
          : metric.id === 'chosenBits'
            ? (assigned?.type ?? '')
            : Number.isNaN(value)
              ? ''
              : metric.text(value);
      return {
        text,
        color,
        locked,
        dimmed,
        marked: tensors.some((t) => marks.has(t)),
        above: isAbove(value, threshold),
      };
    },
    [values, scale, metric, table, names, solution, pinned, locks, matching, marks, threshold],
  );

  const describe = useCallback(
    (tensors: readonly number[]): string => {
      const worst = worstOf(tensors, values);
      const value = values[worst] ?? Number.NaN;
      const shown =
        metric.id === 'chosenBits'
          ? (solution?.tensors[names[worst] ?? '']?.type ?? 'kept')
          : metric.id === 'storedBits'
            ? `${table?.dtypes[worst]}, ${metric.text(value)}`
            : metric.text(value);
      const outlined = isAbove(value, threshold) ? ', at or above the threshold' : '';
      return `${shownName(names[worst] ?? '', 120)}: ${metric.label} ${Number.isNaN(value) ? 'not known' : shown}${outlined}`;
    },
    [values, metric, table, names, solution, threshold],
  );

  return (
    <LayerGrid
      label="Layers by modules"
      layout={layout}
      revision={cell}
      cell={cell}
      describe={describe}
      name={(tensor) => table?.modules[tensor] || (names[tensor] ?? '')}
      selected={selected}
      onSelect={(tensors, how) => {
        const worst = worstOf(tensors, values);
        session.view.set((v) => {
          if (how === 'toggle') return toggleMark(v, tensors);
          if (how === 'range') return markRange(v.marked, between(layout, v.selected ?? worst, worst));
          return { ...select(v, worst), marked: [] };
        });
      }}
      onLock={(tensors) =>
        session.view.set((v) => {
          const chosen = tensors.map((t) => names[t] ?? '').filter((name) => solution?.tensors[name] !== undefined);
          const type = solution?.tensors[chosen[0] ?? '']?.type;
          const already = chosen.every((name) => v.pins.some((entry) => entry.name === name));
          return type === undefined ? {} : pin(v, chosen, already ? null : type);
        })
      }
      onHover={onHover}
    />
  );
});

function isAbove(value: number, threshold: number | null): boolean {
  return threshold !== null && value >= threshold;
}

function markRange(marked: readonly number[], more: readonly number[]) {
  return { marked: [...new Set([...marked, ...more])].sort((a, b) => a - b) };
}

/** Tensors of the rectangle of cells between two tensors of one block. */
function between(layout: ReturnType<typeof useLayout>, a: number, b: number): number[] {
  const block = layout.blockOf[b] ?? -1;
  if (block < 0 || layout.blockOf[a] !== block) return [b];
  const [r0, r1] = order(layout.rowOf[a] ?? 0, layout.rowOf[b] ?? 0);
  const [c0, c1] = order(layout.columnOf[a] ?? 0, layout.columnOf[b] ?? 0);
  const found: number[] = [];
  for (const row of layout.blocks[block]?.rows.slice(r0, r1 + 1) ?? []) {
    for (const tensors of row.cells.slice(c0, c1 + 1)) found.push(...tensors);
  }
  return found;
}

function order(a: number, b: number): [number, number] {
  return a < b ? [a, b] : [b, a];
}

/** The tensor a cell of several speaks for: the one with the largest figure. */
function worstOf(tensors: readonly number[], values: Float64Array): number {
  let worst = tensors[0] ?? 0;
  for (const tensor of tensors) {
    const value = values[tensor] ?? Number.NaN;
    if (value > (values[worst] ?? Number.NaN) || Number.isNaN(values[worst])) worst = tensor;
  }
  return worst;
}

function GridFoot(props: { figures: LensFigures; hovered: readonly number[] | null }): ReactNode {
  const { figures, hovered } = props;
  const { metric, scale, values } = figures;
  const table = useModel((s) => s.table);
  const selected = useView((v) => v.selected);
  const threshold = useThreshold(metric);
  const about = hovered?.[0] ?? selected;
  const tensor = hovered !== null && hovered.length > 1 ? worstOf(hovered, values) : about;
  const isType = showsTypes(metric);
  const importance = useImportance();
  return (
    <div className="grid-foot">
      <div className="grid-hover" data-testid="grid-readout">
        {table === null || tensor === null || tensor === undefined ? (
          <span className="hint">
            Point at a cell for its name, click it for its{' '}
            {importance ? 'columns' : metric.source === 'activations' ? 'input' : 'weights'}.
          </span>
        ) : (
          <>
            <span className="hover-name">{shownName(table.names[tensor] ?? '', 70)}</span>
            <span className="hint number">
              {shapeText(table.shapes[tensor] ?? [])} · {storedText(table, tensor)}
              {hovered !== null && hovered.length > 1 ? ` · largest of ${hovered.length}` : ''}
            </span>
          </>
        )}
      </div>
      <div className="legend-side">
        <p className="hint legend-caption" data-testid="metric-formula">
          {metric.label} = {metric.formula} · {metric.unit === '' ? 'no unit' : `in ${metric.unit}`}
          {isType ? '' : ` · ${scale.kind}`}
        </p>
        {isType ? (
          <TypeLegend metric={metric} />
        ) : values.some(Number.isFinite) && scale.domain[0] < scale.domain[1] ? (
          <Legend
            scale={scale}
            ramp={metric.ramp}
            text={(v) => `${metric.text(v)}${metric.unit === '%' ? ' %' : ''}`}
            title={metric.label}
            threshold={threshold}
          />
        ) : null}
      </div>
    </div>
  );
}
