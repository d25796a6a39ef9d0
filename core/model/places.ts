// Where a tensor sits in a network: stack, layer, column of the grid, and the role policies speak of.

export const ROLES = [
  'embedding',
  'output',
  'position',
  'attention.q',
  'attention.k',
  'attention.v',
  'attention.qkv',
  'attention.output',
  'mlp.gate',
  'mlp.up',
  'mlp.gateUp',
  'mlp.down',
  'expert.gate',
  'expert.up',
  'expert.down',
  'router',
  'norm',
  'bias',
  'convolution',
  'other',
] as const;

export type Role = (typeof ROLES)[number];

export interface TensorPlace {
  readonly role: Role;
  /** Layer index inside its stack, or null for tensors outside any layer. */
  readonly layer: number | null;
  /** The repeated block the layer belongs to ("model.layers", "encoder.layer", "blk"); '' outside layers. */
  readonly stack: string;
  /** Grid column: a short canonical name for known modules ("q", "gate"), else the name's own suffix or prefix. */
  readonly module: string;
}

export interface ModelMap {
  /** Family id ("llama", "qwen2", …), or null when the names match none. */
  readonly architecture: string | null;
  readonly layers: number;
}
