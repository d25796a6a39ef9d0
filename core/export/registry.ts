// Every export format, one line each.

import type { ExportFormat } from '../protocol/objects.ts';
import type { Exporter } from './exporter.ts';
import { ggufExporter } from './gguf/exporter.ts';
import { safetensorsExporter } from './safetensors/exporter.ts';

export const EXPORTERS: Readonly<Record<ExportFormat, Exporter>> = {
  gguf: ggufExporter,
  safetensors: safetensorsExporter,
};
