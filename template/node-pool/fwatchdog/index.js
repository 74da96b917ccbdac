'use strict';

const { serve } = require('./lib/serve.js');
const { BadRequest } = require('./lib/errors.js');

// Loaded when they are used: a worker that needs neither starts faster.
const openfaas = (...args) => require('./lib/openfaas.js').openfaas(...args);
const fromNodeHandler = (...args) => require('./lib/node-handler.js').fromNodeHandler(...args);

module.exports = { serve, openfaas, fromNodeHandler, BadRequest };
