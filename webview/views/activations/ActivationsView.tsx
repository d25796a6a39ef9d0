// The Activations lens: what runs through the model, layer by layer, channel by channel, token by token.

import type { ReactNode } from 'react';
import { useModel, useSession, useView } from '../../app/context.ts';
import { ProvenanceNote } from '../../app/ProvenanceNote.tsx';
import { Dropdown } from '../../ui/toolkit.tsx';
import { ChannelLayers } from './ChannelLayers.tsx';
import { ExpertHits } from './ExpertHits.tsx';
import { InputKurtosis } from './InputKurtosis.tsx';
import { MassiveActivations, Sinks } from './MassiveActivations.tsx';
import { NeedsCalibration } from './NeedsCalibration.tsx';
import { TokenChannels } from './TokenChannels.tsx';
import { tapName } from './tapName.ts';

export function ActivationsView(): ReactNode {
  const session = useSession();
  const activations = useModel((s) => s.activations);
  const stale = useModel((s) => s.calibration?.stale === true);
  const wanted = useView((v) => v.tap);
  if (activations === null) {
    return (
      <article data-testid="activations">
        <NeedsCalibration what="Activations" />
      </article>
    );
  }
  const { taps, massive, sinks, expertHits, provenance } = activations.all;
  const tap = taps.find((entry) => entry.tap === wanted) ?? taps[0];
  return (
    <article data-testid="activations">
      <p className="lead">
        A matrix is only as hard to quantize as what it is multiplied with: channels far above the others stretch every
        scale they share, and their errors cost most. Select a cell for the input of its tensor.
      </p>
      {tap === undefined ? null : (
        <>
          <div className="form">
            <span className="form-label">Where</span>
            <Dropdown
              label="Where activations are shown"
              testId="tap"
              value={tap.tap}
              options={taps.map((entry) => ({ value: entry.tap, label: tapName(entry) }))}
              onChange={(next) => session.view.set({ tap: next })}
            />
          </div>
          <ChannelLayers tap={tap} />
          <TokenChannels tap={tap} />
        </>
      )}
      <InputKurtosis />
      <MassiveActivations rows={massive} />
      <Sinks rows={sinks} />
      {expertHits.length === 0 ? null : <ExpertHits layers={expertHits} />}
      <ProvenanceNote provenance={provenance} stale={stale} testId="activations-provenance" />
    </article>
  );
}
