#!/usr/bin/env node
import "../dist/kvorumctl.js";
