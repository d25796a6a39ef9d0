// Writes media/quantplan.schema.json from the zod schema of the plan: `node scripts/planSchema.ts`.

import { mkdirSync, writeFileSync } from 'node:fs';
import { planJsonSchema } from '../core/allocation/planDocument.ts';

mkdirSync('media', { recursive: true });
writeFileSync('media/quantplan.schema.json', `${JSON.stringify(planJsonSchema(), null, 2)}\n`);
