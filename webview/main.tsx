// Entry of the webview: registers the toolkit, connects to the host, draws.

import './app/strictPolicy.ts';
import { createRoot } from 'react-dom/client';
import { App } from './app/App.tsx';
import { createHostClient } from './app/hostClient.ts';
import { createSession } from './app/session.ts';
import { connectToVsCode } from './app/vscodeApi.ts';
import { registerToolkit } from './ui/toolkit.tsx';
import './ui/theme.css';
import './ui/layout.css';
import './ui/charts.css';

registerToolkit();

const host = connectToVsCode();
const session = createSession(createHostClient(host), host);
const root = document.getElementById('root');
if (root !== null) createRoot(root).render(<App session={session} />);
void session.start();
