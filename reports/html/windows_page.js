// SPDX-License-Identifier: Apache-2.0
// window.html: the curves alone.
'use strict';

const measured = JSON.parse(document.getElementById('data').textContent);
document.getElementById('page').append(windowsSection(measured), tip);
