// The lenses: same grid, another question.

import type { KeyboardEvent, ReactNode } from 'react';
import { useSession, useView } from './context.ts';
import { type Lens, WEIGHT_LENSES } from './viewState.ts';

type WeightLens = (typeof WEIGHT_LENSES)[number];

const LENS_LABELS: Readonly<Record<WeightLens, string>> = {
  overview: 'Overview',
  outliers: 'Outliers',
  kurtosis: 'Kurtosis',
  activations: 'Activations',
  sensitivity: 'Sensitivity',
  allocation: 'Allocation',
  compare: 'Compare',
  export: 'Export',
};

export function LensTabs(): ReactNode {
  const session = useSession();
  const lens = useView((v) => v.lens);

  function show(next: Lens): void {
    session.view.set({ lens: next, inspector: 'model' });
  }

  function onKeyDown(event: KeyboardEvent): void {
    const at = (WEIGHT_LENSES as readonly Lens[]).indexOf(lens);
    const step = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0;
    const next = WEIGHT_LENSES[(at + step + WEIGHT_LENSES.length) % WEIGHT_LENSES.length];
    if (step === 0 || next === undefined) return;
    event.preventDefault();
    show(next);
    document.getElementById(`lens-${next}`)?.focus();
  }

  return (
    <div className="lens-tabs" role="tablist" aria-label="Lenses" onKeyDown={onKeyDown}>
      {WEIGHT_LENSES.map((name) => (
        <button
          type="button"
          key={name}
          id={`lens-${name}`}
          role="tab"
          className={name === lens ? 'lens-tab active' : 'lens-tab'}
          aria-selected={name === lens}
          aria-controls="inspector-body"
          tabIndex={name === lens ? 0 : -1}
          data-testid={`lens-${name}`}
          onClick={() => show(name)}
        >
          {LENS_LABELS[name]}
        </button>
      ))}
    </div>
  );
}
