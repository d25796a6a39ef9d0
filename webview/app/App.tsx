// One screen, three parts that never go away: grid, inspector, budget bar.

import { type ReactNode, useEffect } from 'react';
import { shownName, visibleText } from '../charts/visibleText.ts';
import { Failed, Working } from '../ui/states.tsx';
import { Button } from '../ui/toolkit.tsx';
import { ImportanceNote } from '../views/imatrix/ImportanceNote.tsx';
import { BudgetBar } from './BudgetBar.tsx';
import { SessionContext, useImportance, useModel, useSession } from './context.ts';
import { GridPane } from './GridPane.tsx';
import { Header } from './Header.tsx';
import { Inspector } from './Inspector.tsx';
import { LensTabs } from './LensTabs.tsx';
import { ModelWarnings } from './ModelWarnings.tsx';
import { isNotAModel, NotAModel } from './NotAModel.tsx';
import { RunningTasks } from './RunningTasks.tsx';
import type { Session } from './session.ts';

export function App(props: { session: Session }): ReactNode {
  return (
    <SessionContext value={props.session}>
      <Screen />
    </SessionContext>
  );
}

function Screen(): ReactNode {
  const session = useSession();
  const phase = useModel((s) => s.phase);
  const failure = useModel((s) => s.failure);
  const path = useModel((s) => s.path);
  const importance = useImportance();

  useEffect(() => {
    document.title = 'Quantscope';
  }, []);

  if (phase === 'failed' && failure !== null) {
    if (isNotAModel(failure, baseName(path))) return <NotAModel name={baseName(path)} />;
    return (
      <main className="screen-state">
        <Notices />
        <h1>{path === '' ? 'Quantscope' : `Cannot show ${shownName(baseName(path), 80)}`}</h1>
        <Failed failure={failure} action={{ label: 'Try again', run: () => void session.reopen() }} />
      </main>
    );
  }
  if (phase === 'opening') {
    return (
      <main className="screen-state">
        <Notices />
        <h1 className="visually-hidden">Quantscope</h1>
        <Working
          what={path === '' ? 'Connecting to the extension' : `Reading headers of ${visibleText(baseName(path))}`}
        />
      </main>
    );
  }
  return (
    <div className="screen" data-testid="screen">
      <Header />
      <nav className="lens-row" aria-label="Lenses and running work">
        {importance ? <ImportanceNote /> : <LensTabs />}
        <RunningTasks />
      </nav>
      <Notices />
      <main className="work">
        <section className="grid-pane" aria-label="Model grid">
          <GridPane />
        </section>
        <section className="inspector" aria-label="Inspector">
          <Inspector />
        </section>
      </main>
      {importance ? null : <BudgetBar />}
    </div>
  );
}

function Notices(): ReactNode {
  const session = useSession();
  const stale = useModel((s) => s.stale);
  const notice = useModel((s) => s.notice);
  const statistics = useModel((s) => s.tasks.statistics);
  const ready = useModel((s) => s.phase === 'ready');
  return (
    <div className="notices">
      {ready ? <ModelWarnings /> : null}
      {stale === null ? null : (
        <div className="notice warning" role="alert" data-testid="stale">
          <span>{visibleText(stale)} The numbers below are of the old file.</span>
          <Button testId="stale-reopen" onClick={() => void session.reopen()}>
            Read again
          </Button>
        </div>
      )}
      {notice === null ? null : (
        <div className="notice" role="status" data-testid="notice">
          <span>{visibleText(notice)}</span>
          <Button onClick={() => session.dismissNotice()}>Dismiss</Button>
        </div>
      )}
      {ready && (statistics.status === 'cancelled' || statistics.status === 'failed') ? (
        <div className="notice warning" role="alert" data-testid="statistics-stopped">
          <span>
            {statistics.status === 'cancelled'
              ? 'Statistics were cancelled; what was measured so far is shown.'
              : `Statistics failed (${statistics.failure?.code}): ${visibleText(statistics.failure?.message ?? '')}`}
          </span>
          <Button testId="statistics-resume" onClick={() => void session.runStatistics()}>
            Continue
          </Button>
        </div>
      ) : null}
    </div>
  );
}

function baseName(path: string): string {
  return path.split(/[\\/]/).findLast((part) => part !== '') ?? path;
}
