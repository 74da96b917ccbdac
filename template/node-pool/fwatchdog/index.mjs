import sdk from './index.js';

export const { serve, openfaas, fromNodeHandler, BadRequest } = sdk;
