// The role of a tensor whose module is in no table, from the words its name is made of and its rank.

import type { Role } from './places.ts';

/** Last parts of a stem that mean the same wherever they stand (cross attention, vision towers, adapters). */
const LAST_PARTS: Readonly<Record<string, Role>> = {
  q_proj: 'attention.q',
  k_proj: 'attention.k',
  v_proj: 'attention.v',
  o_proj: 'attention.output',
  qkv_proj: 'attention.qkv',
  qkv: 'attention.qkv',
  query: 'attention.q',
  key: 'attention.k',
  value: 'attention.v',
  to_q: 'attention.q',
  to_k: 'attention.k',
  to_v: 'attention.v',
  gate_proj: 'mlp.gate',
  up_proj: 'mlp.up',
  down_proj: 'mlp.down',
  gate_up_proj: 'mlp.gateUp',
};

/** @param stem the name without ".weight"; rank its number of dimensions */
export function guessRole(stem: string, rank: number): Role {
  const lower = stem.toLowerCase();
  const last = lower.slice(lower.lastIndexOf('.') + 1);
  if (last === 'bias' || last.startsWith('bias_') || last.endsWith('_bias')) return 'bias';
  if (rank <= 1) return /norm|(^|[._])ln(_|\d|\.|$)|gamma|(^|\.)bn\d*(\.|$)/.test(lower) ? 'norm' : 'other';
  if (rank >= 3 && lower.includes('conv')) return 'convolution';
  if (/pos(ition)?(al)?_?emb/.test(lower)) return 'position';
  if (rank === 2 && /(^|[._])(emb|embed|embedding|embeddings)$/.test(lower)) return 'embedding';
  return Object.hasOwn(LAST_PARTS, last) ? (LAST_PARTS[last] ?? 'other') : 'other';
}
