// The browser the workbench is driven in, with the flags that keep it quiet and let it run as root.

import { type Browser, chromium } from 'playwright-core';
import { installBrowser } from './install.ts';

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

export function launchBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: installBrowser(), args: FLAGS, headless: true });
}
