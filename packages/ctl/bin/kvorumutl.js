#!/usr/bin/env node
import "../dist/kvorumutl.js";
