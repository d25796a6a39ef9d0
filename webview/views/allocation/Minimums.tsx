// Per role, the least a plan may give: for what is known to be fragile, such as embeddings.

import { type ReactNode, useMemo } from 'react';
import { useModel, useSession, useView } from '../../app/context.ts';
import { TARGETS, type Target } from '../../app/tensorFigures.ts';
import { Dropdown } from '../../ui/toolkit.tsx';

const NONE = 'none';
const TYPES = [{ value: NONE, label: NONE }, ...TARGETS.map((type) => ({ value: type as string, label: `≥ ${type}` }))];

export function Minimums(): ReactNode {
  const session = useSession();
  const table = useModel((s) => s.table);
  const minimums = useView((v) => v.minimums);
  const roles = useMemo(() => {
    const found = new Set<NonNullable<typeof table>['roles'][number]>();
    table?.roles.forEach((role, t) => {
      if (table.quantizable[t] === 1) found.add(role);
    });
    return [...found];
  }, [table]);
  return (
    <section aria-label="Minimums">
      <h3>At least, by role</h3>
      <div className="minimums">
        {roles.map((role) => (
          <div key={role} className="minimum">
            <span>{role}</span>
            <Dropdown
              label={`Minimum for ${role}`}
              testId={`minimum-${role}`}
              value={minimums.find((m) => m.role === role)?.type ?? NONE}
              options={TYPES}
              onChange={(value) =>
                session.view.set((v) => {
                  const others = v.minimums.filter((m) => m.role !== role);
                  return { minimums: value === NONE ? others : [...others, { role, type: value as Target }] };
                })
              }
            />
          </div>
        ))}
      </div>
    </section>
  );
}
