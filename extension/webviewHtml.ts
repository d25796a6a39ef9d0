// The page of a checkpoint editor: nothing but our own script and style sheet may load.

import { randomBytes } from 'node:crypto';
import * as vscode from 'vscode';

/** Prepares the webview and fills it. Scripts run only with the nonce of this one page. */
export function showApp(webview: vscode.Webview, extensionUri: vscode.Uri): void {
  const built = vscode.Uri.joinPath(extensionUri, 'dist', 'webview');
  webview.options = { enableScripts: true, localResourceRoots: [built, vscode.Uri.joinPath(extensionUri, 'media')] };
  const nonce = randomBytes(16).toString('base64url');
  const script = webview.asWebviewUri(vscode.Uri.joinPath(built, 'main.js'));
  const style = webview.asWebviewUri(vscode.Uri.joinPath(built, 'main.css'));
  const policy = [
    `default-src 'none'`,
    `script-src 'nonce-${nonce}'`,
    // The component toolkit adds one style element of its own and signs it with the nonce of the page.
    `style-src ${webview.cspSource} 'nonce-${nonce}'`,
    `img-src ${webview.cspSource}`,
    `font-src ${webview.cspSource}`,
  ].join('; ');
  webview.html = `<!DOCTYPE html>
<html lang="${escapeAttribute(vscode.env.language)}">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${escapeAttribute(policy)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Quantscope</title>
<link rel="stylesheet" href="${escapeAttribute(style.toString())}">
</head>
<body>
<div id="root"></div>
<script type="module" nonce="${nonce}" src="${escapeAttribute(script.toString())}"></script>
</body>
</html>`;
}

function escapeAttribute(text: string): string {
  return text.replace(/&/g, '&amp;').replace(/"/g, '&quot;').replace(/</g, '&lt;');
}
