// Imported before everything else: what libraries need to know about the strict content security policy.

import * as z from 'zod';

// zod would otherwise try `new Function`, which the policy forbids.
z.config({ jitless: true });

// The toolkit's foundation tests for :focus-visible with a style element, and looks for its nonce in a meta tag.
const nonce = document.querySelector<HTMLScriptElement>('script[nonce]')?.nonce;
if (nonce !== undefined && document.querySelector('meta[property="csp-nonce"]') === null) {
  const meta = document.createElement('meta');
  meta.setAttribute('property', 'csp-nonce');
  meta.content = nonce;
  document.head.append(meta);
}
