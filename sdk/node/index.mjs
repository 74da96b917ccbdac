import sdk from './index.js';

export const { serve, BadRequest } = sdk;
