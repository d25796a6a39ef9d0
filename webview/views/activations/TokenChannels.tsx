// Token × channel of one tap for a prompt: which tokens carry the extreme channels.

import { type ReactNode, useCallback, useMemo, useState } from 'react';
import type { Params } from '../../../core/protocol/calls.ts';
import { activationRow } from '../../app/activationFigures.ts';
import { ChartWithTable } from '../../app/ChartWithTable.tsx';
import { useModel, useSession, useView } from '../../app/context.ts';
import { useCall } from '../../app/useCall.ts';
import type { FigureRows } from '../../charts/figureRows.ts';
import { HeatLegend } from '../../charts/HeatLegend.tsx';
import { largestPoints } from '../../charts/largestPoints.ts';
import { exactFloat, grouped } from '../../charts/numberFormat.ts';
import { mapScale, RowMap, rowTile } from '../../charts/RowMap.tsx';
import type { HeatPoint } from '../../charts/TensorHeatmap.tsx';
import { shownName } from '../../charts/visibleText.ts';
import { Failed, Working } from '../../ui/states.tsx';
import { Button, Dropdown, TextField } from '../../ui/toolkit.tsx';
import type { Tap } from './tapName.ts';

const MOST_CELLS = 1024;
const TABLE_ROWS = 100;
const TOKEN_CHARACTERS = 14;

export function TokenChannels(props: { tap: Tap }): ReactNode {
  const { tap } = props;
  const session = useSession();
  const model = useModel((s) => s.summary?.model ?? null);
  const activations = useModel((s) => s.activations);
  const prompt = useView((v) => v.prompt);
  const selected = useView((v) => v.selected);
  const [hover, setHover] = useState<HeatPoint | null>(null);
  /** Running a prompt takes a forward pass: only when asked. */
  const [asked, setAsked] = useState<Params<'tokenMap'> | null>(null);
  const [picked, setPicked] = useState<number | null>(null);
  const layers = useMemo(
    () => (activations?.all.rows ?? []).filter((row) => row.tap === tap.tap).map((row) => row.layer),
    [activations, tap],
  );
  const near = (selected === null ? null : activationRow(activations, selected))?.layer ?? null;
  const layer = [picked, near, layers[0]].find((l) => l != null && layers.includes(l)) ?? 0;
  const answer = useCall('tokenMap', asked, model);
  const map = answer.value;
  const names = useMemo(() => map?.tokens.map((token) => tokenText(token)) ?? [], [map]);
  const figures = useCallback(
    (): FigureRows | null =>
      map === null
        ? null
        : {
            columns: [
              { label: 'position', text: grouped },
              { label: 'token' },
              { label: 'channel', text: grouped },
              { label: 'value', text: exactFloat },
            ],
            rows: largestPoints(rowTile(map, map.tokens.length), TABLE_ROWS).map((point) => ({
              key: `${point.row}:${point.column}`,
              cells: [point.row, names[point.row] ?? '', point.column, point.value],
            })),
          },
    [map, names],
  );

  function run(): void {
    if (model === null || prompt === '') return;
    setHover(null);
    setAsked({ model, prompt, layer, tap: tap.tap, width: Math.max(1, Math.min(tap.columns, MOST_CELLS)) });
  }

  return (
    <ChartWithTable id="token-channels" title="Channels by token of a prompt" figures={figures}>
      <div className="prompt-entry">
        <TextField
          label="Prompt to run the model on"
          testId="prompt"
          className="filter"
          placeholder="a prompt"
          value={prompt}
          onInput={(text) => session.view.set({ prompt: text.slice(0, 20_000) })}
        />
        <Dropdown
          label="Layer"
          testId="prompt-layer"
          className="short"
          value={String(layer)}
          options={layers.map((l) => ({ value: String(l), label: `layer ${l}` }))}
          onChange={(l) => setPicked(Number(l))}
        />
        <Button testId="prompt-run" disabled={prompt === '' || answer.pending} onClick={run}>
          Run
        </Button>
      </div>
      {answer.failure !== null ? (
        <Failed failure={answer.failure} />
      ) : map === null ? (
        answer.pending ? (
          <Working what="Running the prompt" />
        ) : null
      ) : (
        <>
          <RowMap
            testId="token-channels"
            label={`${map.columns} channels of ${map.tap} in layer ${map.layer} for ${names.length} tokens. Plus and minus zoom, arrows move.`}
            data={map}
            names={names}
            current={null}
            onHover={setHover}
            onPick={setHover}
          />
          <div className="picture-foot">
            <p className="readout number" data-testid="token-readout" aria-live="polite">
              {hover === null ? (
                <span className="hint">
                  {map.tap}, layer {map.layer}: tokens down, channels across
                </span>
              ) : (
                <>
                  token <b>{grouped(hover.row)}</b> <code>{names[hover.row] ?? ''}</code>, channel{' '}
                  <b>{grouped(hover.column)}</b> = <b>{exactFloat(hover.value)}</b>
                  {hover.elements > 1 ? <span className="hint"> · largest of {grouped(hover.elements)}</span> : null}
                </>
              )}
            </p>
            <HeatLegend top={mapScale(map.values).top} />
          </div>
        </>
      )}
    </ChartWithTable>
  );
}

/** Tokens are pieces of strangers' vocabularies; a blank one must still be seen. */
function tokenText(token: string): string {
  return shownName(token.replaceAll(' ', '␣').replaceAll('\n', '⏎'), TOKEN_CHARACTERS);
}
