// One argument as bash reads it back: the only way anything gets into a batch script or onto a login node.

/**
 * Plain words stay; everything else goes into single quotes. Control characters are spelled out (bash(1), QUOTING,
 * `$'…'`): a newline in a name would otherwise begin a line that sbatch might read as an option of its own.
 */
export function quoted(text: string): string {
  if (/^[A-Za-z0-9_./:=@%+,-]+$/.test(text)) return text;
  if (!/\p{Cc}/u.test(text)) return `'${text.replaceAll("'", `'\\''`)}'`;
  const escaped = text.replace(/[\\'\p{Cc}]/gu, (character) =>
    [...Buffer.from(character)].map((byte) => `\\${byte.toString(8).padStart(3, '0')}`).join(''),
  );
  return `$'${escaped}'`;
}
