#!/usr/bin/env node
// The engine program: `rpc` serves an editor over IPC, anything else is the command line.

import { EXIT, runCommandLine } from './commandLine.ts';
import { serveRpc } from './rpc.ts';

const argv = process.argv.slice(2);
if (argv[0] === 'rpc') {
  const option = (name: string): number | undefined => {
    const value = Number(process.env[name]);
    return value > 0 ? value : undefined;
  };
  await serveRpc({
    threads: option('QUANTSCOPE_THREADS'),
    sensitivityElements: option('QUANTSCOPE_SENSITIVITY_ELEMENTS'),
  });
} else {
  // `quantscope … | head` closes the pipe early: the reader has seen enough, which is no failure of ours.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    process.exit(error.code === 'EPIPE' ? EXIT.ok : EXIT.failed);
  });
  process.stderr.on('error', () => {}); // nobody reads the progress: the work goes on
  process.exitCode = await runCommandLine(argv);
}
