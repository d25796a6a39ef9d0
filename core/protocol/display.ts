// How both sides of the protocol write byte counts.

export { byteParts, bytesText } from '../base/byteText.ts';
