// The right column: what the lens says about the model, or the selected tensor under it.

import { type ReactNode, useLayoutEffect, useRef } from 'react';
import { ActivationsView } from '../views/activations/ActivationsView.tsx';
import { ActivationTensor } from '../views/activations/ActivationTensor.tsx';
import { AllocationView } from '../views/allocation/AllocationView.tsx';
import { CalibrationView } from '../views/calibration/CalibrationView.tsx';
import { CompareView } from '../views/compare/CompareView.tsx';
import { ExportView } from '../views/export/ExportView.tsx';
import { ImatrixTensor } from '../views/imatrix/ImatrixTensor.tsx';
import { ImatrixView } from '../views/imatrix/ImatrixView.tsx';
import { KurtosisView } from '../views/kurtosis/KurtosisView.tsx';
import { OutliersView } from '../views/outliers/OutliersView.tsx';
import { OverviewView } from '../views/overview/OverviewView.tsx';
import { SensitivityView } from '../views/sensitivity/SensitivityView.tsx';
import { useImportance, useSession, useView } from './context.ts';
import { TensorPanel } from './TensorPanel.tsx';
import type { Lens } from './viewState.ts';

const LENS_VIEWS: Readonly<Record<Lens, { title: string; view: () => ReactNode }>> = {
  overview: { title: 'Model', view: OverviewView },
  outliers: { title: 'Outliers', view: OutliersView },
  kurtosis: { title: 'Kurtosis', view: KurtosisView },
  activations: { title: 'Activations', view: ActivationsView },
  sensitivity: { title: 'Sensitivity', view: SensitivityView },
  allocation: { title: 'Allocation', view: AllocationView },
  compare: { title: 'Compare', view: CompareView },
  export: { title: 'Export', view: ExportView },
  importance: { title: 'Importance', view: ImatrixView },
};

export function Inspector(): ReactNode {
  const session = useSession();
  const lens = useView((v) => v.lens);
  const inspector = useView((v) => v.inspector);
  const importance = useImportance();
  const { title, view: View } = LENS_VIEWS[lens];
  const body = useRef<HTMLDivElement>(null);
  // What is shown next begins at its top; going through tensors keeps the place.
  useLayoutEffect(() => {
    void [lens, inspector];
    body.current?.scrollTo(0, 0);
  }, [lens, inspector]);
  return (
    <>
      <div className="inspector-switch">
        <fieldset className="segmented">
          <legend className="visually-hidden">Inspector shows</legend>
          <button
            type="button"
            aria-pressed={inspector === 'model'}
            data-testid="inspector-model"
            onClick={() => session.view.set({ inspector: 'model' })}
          >
            {title}
          </button>
          <button
            type="button"
            aria-pressed={inspector === 'tensor'}
            data-testid="inspector-tensor"
            onClick={() => session.view.set({ inspector: 'tensor' })}
          >
            Tensor
          </button>
          {importance ? null : (
            <button
              type="button"
              aria-pressed={inspector === 'calibration'}
              data-testid="inspector-calibration"
              onClick={() => session.view.set({ inspector: 'calibration' })}
            >
              Calibration
            </button>
          )}
        </fieldset>
      </div>
      <div
        ref={body}
        className="inspector-body"
        id="inspector-body"
        role="tabpanel"
        aria-label={inspector === 'model' ? title : inspector === 'tensor' ? 'Selected tensor' : 'Calibration'}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard.
        tabIndex={0}
        data-testid="inspector-body"
      >
        {inspector === 'tensor' ? null : (
          <h2 className="visually-hidden">{inspector === 'model' ? title : 'Calibration'}</h2>
        )}
        {inspector === 'model' ? (
          <View />
        ) : inspector === 'calibration' && !importance ? (
          <CalibrationView />
        ) : importance ? (
          <ImatrixTensor />
        ) : lens === 'activations' ? (
          <ActivationTensor />
        ) : (
          <TensorPanel />
        )}
      </div>
    </>
  );
}
