// Figures that JSON cannot say: webview messages travel as JSON, which would turn NaN and the infinities into null.

/** How they are spelled in a message; `zFigure` reads them back. Number() of each is its value. */
export const UNSPEAKABLE_FIGURES = ['NaN', 'Infinity', '-Infinity'] as const;

/**
 * Copy of a message with every NaN and infinity spelled out. Typed arrays travel as bytes and pass as they are;
 * messages without such figures are returned unchanged, not copied.
 */
export function spellFigures(value: unknown): unknown {
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value);
  if (value === null || typeof value !== 'object' || ArrayBuffer.isView(value)) return value;
  if (Array.isArray(value)) {
    const spelled = value.map(spellFigures);
    return spelled.some((entry, index) => entry !== value[index]) ? spelled : value;
  }
  const entries = Object.entries(value);
  const spelled = entries.map(([key, entry]) => [key, spellFigures(entry)] as const);
  return spelled.some(([, entry], index) => entry !== entries[index]?.[1]) ? Object.fromEntries(spelled) : value;
}
