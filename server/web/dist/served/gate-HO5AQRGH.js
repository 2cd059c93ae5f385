import{a}from"./chunk-IWAF3YVM.js";import"./chunk-BGT5Z775.js";import"./chunk-GTNBKFIM.js";import"./chunk-5IWTSTRF.js";export{a as showGate};
