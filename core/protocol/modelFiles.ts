// Which files may hold a model, by name, as the editor sees them.

export { hasModelEnding, MODEL_ENDINGS, modelEnding, SHARED_ENDINGS } from '../base/modelFiles.ts';
