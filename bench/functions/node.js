'use strict';

const { serve } = require('../../sdk/node');

serve((request) => (request.method === 'GET' ? 'hello' : request.body()));
