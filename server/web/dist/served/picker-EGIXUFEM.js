import{h as a,i as b}from"./chunk-AUCLJDD3.js";import"./chunk-5LFAYBJ4.js";export{b as closePicker,a as openPicker};
