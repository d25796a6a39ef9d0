// JSON that carries typed arrays and non-finite numbers, for the one hop the harness adds between page and server.

const ARRAYS = { Float32Array, Float64Array, Int32Array, Uint32Array, Uint8Array } as const;

export function encode(value: unknown): string {
  return JSON.stringify(value, (_, entry: unknown) => {
    if (typeof entry === 'number' && !Number.isFinite(entry)) return { $number: String(entry) };
    for (const [name, type] of Object.entries(ARRAYS)) {
      if (entry instanceof type) {
        return { $array: name, data: Buffer.from(entry.buffer, entry.byteOffset, entry.byteLength).toString('base64') };
      }
    }
    return entry;
  });
}

/** Runs in the page: acquireVsCodeApi() over HTTP, server-sent events and `window.postMessage`. */
export const PAGE_SCRIPT = `
const types = { Float32Array, Float64Array, Int32Array, Uint32Array, Uint8Array };
const decode = (text) => JSON.parse(text, (_, entry) => {
  if (entry && typeof entry === 'object') {
    if ('$number' in entry) return Number(entry.$number);
    if ('$array' in entry) {
      const text = atob(entry.data);
      const bytes = new Uint8Array(text.length);
      for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
      return new types[entry.$array](bytes.buffer);
    }
  }
  return entry;
});
const page = Math.random().toString(36).slice(2);
const events = new EventSource('/events?page=' + page);
events.onmessage = (event) => window.postMessage(decode(event.data), '*');
const opened = new Promise((resolve) => { events.onopen = resolve; });
globalThis.acquireVsCodeApi = () => ({
  postMessage: (message) => opened.then(() => fetch('/message?page=' + page, { method: 'POST', body: JSON.stringify(message) })),
  getState: () => sessionStorage.getItem('state') ?? undefined,
  setState: (state) => sessionStorage.setItem('state', state),
});
`;
