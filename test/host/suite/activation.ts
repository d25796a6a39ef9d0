// Activation starts nothing, and what the manifest promises is really there.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as vscode from 'vscode';
import { extension } from './workspace.ts';

interface Manifest {
  activationEvents: string[];
  contributes: {
    commands: { command: string }[];
    configuration: { properties: Record<string, { default: unknown }> };
    menus: Record<string, { command: string }[]>;
    jsonValidation: { url: string }[];
  };
}

const NETWORK = new Set(['http', 'https', 'http2', 'tls', 'dgram', 'dns', 'inspector']);

export function activationTests(): void {
  describe('activation', () => {
    const manifest = (): Manifest => extension().packageJSON as Manifest;

    it('comes when the window has started, to tell how awaited jobs ended, or when a contribution is used', () => {
      assert.deepEqual(manifest().activationEvents, ['onStartupFinished']);
    });

    it('starts no engine by itself', async () => {
      const api = await extension().activate();
      assert.equal(api.enginePid, undefined);
    });

    it('registers every contributed command, and menus name no others', async () => {
      const registered = new Set(await vscode.commands.getCommands(true));
      const contributed = manifest().contributes.commands.map(({ command }) => command);
      assert.deepEqual(
        contributed.filter((command) => !registered.has(command)),
        [],
      );
      const inMenus = Object.values(manifest().contributes.menus).flat();
      assert.deepEqual(
        inMenus.filter(({ command }) => !contributed.includes(command)),
        [],
      );
    });

    it('reads every contributed setting with its default', () => {
      for (const [key, { default: value }] of Object.entries(manifest().contributes.configuration.properties)) {
        assert.deepEqual(vscode.workspace.getConfiguration().get(key), value, key);
      }
    });

    it('ships the schema of plans', () => {
      for (const { url } of manifest().contributes.jsonValidation) {
        const schema: unknown = JSON.parse(readFileSync(join(extension().extensionPath, url), 'utf8'));
        assert.equal(typeof schema, 'object');
      }
    });

    it('resolves every placeholder of the manifest', () => {
      assert.doesNotMatch(JSON.stringify(manifest().contributes), /"%[\w.]+%"/);
    });

    it('loads neither network nor native modules into the extension host', () => {
      const bundle = readFileSync(join(extension().extensionPath, 'dist', 'extension.cjs'), 'utf8');
      const required = [...bundle.matchAll(/require\("(?:node:)?([^"]+)"\)/g)].map((match) => match[1] ?? '');
      assert.ok(required.includes('child_process'), 'the pattern finds what is required');
      assert.deepEqual(
        required.filter((name) => NETWORK.has(name) || name.endsWith('.node')),
        [],
      );
      assert.doesNotMatch(bundle, /onnxruntime-node|process\.dlopen/);
    });
  });
}
