'use strict';

const { serve } = require('fwatchdog');
const handle = require('./handler.js');

serve(handle);
