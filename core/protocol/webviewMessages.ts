// What goes through postMessage between a webview and the extension host.

import * as z from 'zod';
import { zFailure } from './objects.ts';

/** webview → host. `id` pairs a call with its one reply. */
export const zWebviewMessage = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('call'), id: z.int(), method: z.string(), params: z.unknown() }),
  z.object({ kind: z.literal('cancel'), id: z.int() }),
]);

/** host → webview. */
export const zHostMessage = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('reply'), id: z.int(), result: z.unknown() }),
  z.object({ kind: z.literal('failure'), id: z.int(), failure: zFailure }),
  z.object({ kind: z.literal('event'), event: z.string(), payload: z.unknown() }),
]);

export type WebviewMessage = z.infer<typeof zWebviewMessage>;
export type HostMessage = z.infer<typeof zHostMessage>;
