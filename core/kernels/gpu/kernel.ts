// A compute kernel in WGSL.

export interface GpuKernel {
  readonly name: string;
  /** Source with the entry point `main`: buffers are bindings 0, 1, … of group 0, a uniform of u32 numbers the last. */
  readonly wgsl: string;
}
