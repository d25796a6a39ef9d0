// The one call of acquireVsCodeApi(), wrapped as the port the host client speaks through.

import { spellFigures } from '../../core/protocol/figures.ts';
import type { MessagePort } from './hostClient.ts';

interface VsCodeApi {
  postMessage(message: unknown): void;
  getState(): unknown;
  setState(state: unknown): void;
}

declare function acquireVsCodeApi(): VsCodeApi;

export interface WebviewHost extends MessagePort {
  loadState(): string | null;
  storeState(state: string): void;
}

/** May be called once per page: VS Code hands its API out a single time. */
export function connectToVsCode(): WebviewHost {
  const api = acquireVsCodeApi();
  return {
    // The channel is JSON: a plan holding NaN or infinity would arrive with null.
    post: (message) => api.postMessage(spellFigures(message)),
    listen(receive) {
      const onMessage = (event: MessageEvent): void => receive(event.data);
      window.addEventListener('message', onMessage);
      return () => window.removeEventListener('message', onMessage);
    },
    loadState() {
      const state = api.getState();
      return typeof state === 'string' ? state : null;
    },
    storeState: (state) => api.setState(state),
  };
}
