'use strict';

const { serve } = require('./lib/serve.js');
const { BadRequest } = require('./lib/errors.js');

module.exports = { serve, BadRequest };
