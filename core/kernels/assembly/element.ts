// Reads elements of the dtypes the moment kernels take as they are stored: f32 = F32, u16 = BF16.

// @ts-ignore: decorator
@inline
export function load4<T>(at: usize): v128 {
  return isFloat<T>() ? v128.load(at) : i32x4.shl(v128.load16x4_u(at), 16);
}

// @ts-ignore: decorator
@inline
export function load1<T>(at: usize): f64 {
  return isFloat<T>() ? <f64>load<f32>(at) : <f64>reinterpret<f32>(<u32>load<u16>(at) << 16);
}
