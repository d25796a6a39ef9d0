// Names come from files: control, bidirectional and invisible characters are shown, never obeyed.

const HIDDEN = /[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Zl}\p{Zp}\u115F\u1160\u3164\uFFA0]/gu;
/** Longer names are cut in the middle; the whole name stays available to copy. */
export const MAX_SHOWN_CHARACTERS = 200;

/** Replaces each character that would not be seen as itself by ⟨U+XXXX⟩. */
export function visibleText(text: string): string {
  return text.replace(HIDDEN, (character) => `⟨U+${hex(character)}⟩`);
}

export function shownName(text: string, limit: number = MAX_SHOWN_CHARACTERS): string {
  const visible = visibleText(text.length > 4 * limit ? text.slice(0, 2 * limit) + text.slice(-2 * limit) : text);
  if (visible.length <= limit) return visible;
  const half = Math.floor((limit - 1) / 2);
  return `${visible.slice(0, half)}…${visible.slice(-half)}`;
}

function hex(character: string): string {
  return (character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0');
}
