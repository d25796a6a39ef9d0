// What is worth telling about arrays that are no tensors, or only taken for one: a line per reason, however many.

import { quoteName } from '../tensorName.ts';

const SHOWN_NAMES = 4;

export class ArrayNotes {
  private readonly file: string;
  private readonly names = new Map<string, { count: number; shown: string[] }>();

  constructor(file: string) {
    this.file = file;
  }

  /** @param reason one of a few sentences: "left out: text" */
  add(reason: string, name: string): void {
    const found = this.names.get(reason) ?? { count: 0, shown: [] };
    found.count += 1;
    if (found.shown.length < SHOWN_NAMES) found.shown.push(quoteName(name));
    this.names.set(reason, found);
  }

  warnings(): string[] {
    return [...this.names].map(([reason, { count, shown }]) => {
      const names = count > shown.length ? `${shown.join(', ')}, …` : shown.join(', ');
      return `${this.file}: ${count} ${count === 1 ? 'array' : 'arrays'} (${names}) ${reason}`;
    });
  }
}
