// How both sides of the protocol write byte counts and formats.

export { byteParts, bytesText } from '../base/byteText.ts';
export { FORMAT_NAMES } from '../base/checkpointFormats.ts';
