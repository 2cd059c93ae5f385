import{h as a,i as b}from"./chunk-TIVWB4NQ.js";import"./chunk-PEWFPCB3.js";export{b as closePicker,a as openPicker};
