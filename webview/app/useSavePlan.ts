// Saves the plan as a document; says what came of it.

import { useState } from 'react';
import { visibleText } from '../charts/visibleText.ts';
import { useSession } from './context.ts';
import { failureOf } from './hostFailure.ts';

export function useSavePlan(): { run(): void; message: string } {
  const session = useSession();
  const [message, setMessage] = useState('');
  async function run(): Promise<void> {
    setMessage('Choosing where to save…');
    try {
      const plan = await session.plan();
      if (plan === null) {
        setMessage('');
        return;
      }
      const suggestedName = `${plan.model.name.replaceAll(/[^\w.-]+/g, '-')}.quantplan.json`;
      const { path } = await session.client.call('savePlan', { plan, suggestedName });
      setMessage(path === null ? '' : `Saved ${visibleText(path)}`);
    } catch (error) {
      const failure = failureOf(error);
      setMessage(`${failure.code}: ${visibleText(failure.message)}`);
    }
  }
  return { run: () => void run(), message };
}
