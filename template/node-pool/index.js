'use strict';

// The worker of a function in function/handler.js, which is loaded once, before the first request.

const { serve, openfaas } = require('./fwatchdog');

let handle;

function init() {
  const loaded = require('./function/handler');
  handle = openfaas(loaded.default ?? loaded); // a compiled ES module has its function there
}

serve((request) => handle(request), { init });
