// Serves the built webview in an ordinary browser: `serve.ts --fake [SIZE]` or `--model PATH`.

import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { type Event, PROTOCOL_VERSION, type WebviewCall, type WebviewEventName } from '../../../core/protocol/calls.ts';
import { zWebviewMessage } from '../../../core/protocol/webviewMessages.ts';
import { fakeEngine, type Handler } from './fakeEngine.ts';
import { type FakeSize, fakeModel } from './fakeModel.ts';
import { type Engine, realEngine } from './realEngine.ts';
import { THEMES, type ThemeName, themeCss } from './themes.ts';
import { encode, PAGE_SCRIPT } from './wire.ts';

const ROOT = resolve(import.meta.dirname, '../../..');
const NONCE = 'harness';

export interface Harness {
  readonly url: string;
  /** Sends an event to every page, as the extension host would. */
  emit<E extends WebviewEventName>(event: E, payload: Event<E>): void;
  /** Calls that arrived so far, in order. */
  readonly calls: readonly WebviewCall[];
  /** Ends the real engine and starts another, as the extension host does after a crash; pages are told. */
  restartEngine(message: string): void;
  close(): void;
}

export interface HarnessOptions {
  /** Synthetic model, or… */
  fake?: FakeSize;
  /** …a real file through the real engine. */
  model?: string;
  port?: number;
  /** How long a synthetic scan takes. */
  scanMs?: number;
}

export async function startHarness(options: HarnessOptions): Promise<Harness> {
  const pages = new Map<string, ServerResponse>();
  const calls = new Map<string, AbortController>();
  const saved = new Map<string, string>();
  const seen: WebviewCall[] = [];
  const broadcast = <E extends WebviewEventName>(event: E, payload: Event<E>): void => {
    for (const page of pages.values()) send(page, { kind: 'event', event, payload });
  };
  const synthetic = fakeModel(options.fake ?? 'llama');
  const path = options.model === undefined ? synthetic.summary.path : resolve(options.model);
  const start = (): Engine =>
    options.model === undefined
      ? {
          handle: fakeEngine(synthetic, broadcast, options.scanMs ?? 600),
          end: () => undefined,
        }
      : realEngine(join(ROOT, 'dist/engine.js'), broadcast);
  let engine = start();

  /** What the extension host would answer itself. */
  const answer: Handler = async (method, params, signal) => {
    switch (method) {
      case 'ready':
        return { path, protocol: PROTOCOL_VERSION, state: saved.get(path) ?? null };
      case 'saveState':
        saved.set(path, (params as { state: string }).state);
        return {};
      case 'pickFile':
        return { path: null };
      case 'pickOutput':
      case 'savePlan':
        return { path: join(tmpdir(), (params as { suggestedName: string }).suggestedName) };
      case 'runJob':
        return { folder: join(tmpdir(), `${(params as { suggestedName: string }).suggestedName}.job`) };
      case 'openModel':
      case 'revealFile':
      case 'reopenWith':
        return {};
      default:
        return engine.handle(method, params, signal);
    }
  };

  async function onMessage(page: string, text: string): Promise<void> {
    const message = zWebviewMessage.parse(JSON.parse(text));
    const key = `${page}:${message.id}`;
    if (message.kind === 'cancel') {
      calls.get(key)?.abort();
      return;
    }
    seen.push(message.method as WebviewCall);
    const controller = new AbortController();
    calls.set(key, controller);
    const reply = (body: object): void => {
      const target = pages.get(page);
      if (target !== undefined) send(target, body);
    };
    try {
      const result = await answer(message.method as WebviewCall, message.params, controller.signal);
      reply({ kind: 'reply', id: message.id, result });
    } catch (error) {
      const known = typeof error === 'object' && error !== null && 'code' in error && 'message' in error;
      const failure = known
        ? { code: error.code, message: error.message }
        : { code: 'INTERNAL', message: String(error) };
      reply({ kind: 'failure', id: message.id, failure });
    } finally {
      calls.delete(key);
    }
  }

  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    const url = new URL(request.url ?? '/', 'http://localhost');
    const page = url.searchParams.get('page') ?? '';
    if (url.pathname === '/events') {
      response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
      response.write(': open\n\n');
      pages.set(page, response);
      request.on('close', () => pages.delete(page));
    } else if (url.pathname === '/message') {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        void onMessage(page, Buffer.concat(chunks).toString());
        response.writeHead(204).end();
      });
    } else if (url.pathname === '/main.js' || url.pathname === '/main.css') {
      const type = url.pathname.endsWith('.js') ? 'text/javascript' : 'text/css';
      response.writeHead(200, { 'content-type': `${type}; charset=utf-8` });
      response.end(readFileSync(join(ROOT, 'dist/webview', url.pathname)));
    } else if (url.pathname === '/theme.css') {
      response.writeHead(200, { 'content-type': 'text/css' }).end(themeCss(themeOf(url)));
    } else if (url.pathname === '/favicon.ico') {
      response.writeHead(204).end();
    } else if (url.pathname === '/') {
      // As strict as the extension's policy; connect-src is what the harness itself needs.
      const policy = `default-src 'none'; script-src 'nonce-${NONCE}'; style-src 'self' 'nonce-${NONCE}'; img-src 'self' data:; connect-src 'self'`;
      response.writeHead(200, { 'content-type': 'text/html; charset=utf-8', 'content-security-policy': policy });
      response.end(pageHtml(themeOf(url)));
    } else response.writeHead(404).end();
  });
  await new Promise<void>((done) => server.listen(options.port ?? 0, '127.0.0.1', done));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return {
    url: `http://127.0.0.1:${port}/`,
    emit: broadcast,
    calls: seen,
    restartEngine(message) {
      engine.end();
      engine = start();
      broadcast('engineRestarted', { message });
    },
    close: () => {
      engine.end();
      server.closeAllConnections();
      server.close();
    },
  };
}

function send(page: ServerResponse, body: object): void {
  page.write(`data: ${encode(body)}\n\n`);
}

function themeOf(url: URL): ThemeName {
  const name = url.searchParams.get('theme') ?? 'dark';
  return name in THEMES ? (name as ThemeName) : 'dark';
}

function pageHtml(theme: ThemeName): string {
  return `<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Quantscope</title>
<link rel="stylesheet" href="/theme.css?theme=${theme}"><link rel="stylesheet" href="/main.css">
</head><body class="${THEMES[theme].bodyClass}"><div id="root"></div>
<script nonce="${NONCE}">${PAGE_SCRIPT}</script>
<script type="module" nonce="${NONCE}" src="/main.js"></script></body></html>`;
}

if (import.meta.main) {
  const [mode = '--fake', value] = process.argv.slice(2);
  const options =
    mode === '--model' && value !== undefined ? { model: value } : { fake: (value ?? 'llama') as FakeSize };
  const harness = await startHarness({ ...options, port: Number(process.env.PORT ?? 4173) });
  console.log(`Quantscope webview: ${harness.url}?theme=dark|light|contrast`);
}
