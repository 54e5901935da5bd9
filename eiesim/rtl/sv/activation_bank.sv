// One of ActivationRW's two banks: words of activations or accumulators, with one read port and one write port.
// It is emptied in one cycle through its `written` bits: an unwritten word reads as 0. A value reaches the flip-flops of
// the group of words that is written and no others, so that a bank does not burn what it does not store.
module activation_bank #(
    parameter int WORDS = 64,
    parameter int ROW_BITS = 6,
    parameter int VALUE_BITS = 16
) (
    input  logic                  clock,
    input  logic                  clear,
    input  logic                  write,
    input  logic [ROW_BITS-1:0]   write_row,
    input  logic [VALUE_BITS-1:0] value,
    input  logic [ROW_BITS-1:0]   read_row,
    output logic [VALUE_BITS-1:0] word
);
    localparam int GROUP = 8;
    localparam int GROUPS = (WORDS + GROUP - 1) / GROUP;

    logic [VALUE_BITS-1:0] words [0:WORDS-1];
    logic [WORDS-1:0] written, writes;
    logic [GROUPS*VALUE_BITS-1:0] values;

    genvar w;
    generate
        for (w = 0; w < GROUPS; w = w + 1) begin : groups
            assign values[w*VALUE_BITS +: VALUE_BITS] = value & {VALUE_BITS{write && int'(write_row) / GROUP == w}};
        end
        for (w = 0; w < WORDS; w = w + 1) begin : rows
            assign writes[w] = write && write_row == ROW_BITS'(w);
            always_ff @(posedge clock)
                if (writes[w]) words[w] <= values[(w/GROUP)*VALUE_BITS +: VALUE_BITS];
        end
    endgenerate
    assign word = written[read_row] ? words[read_row] : '0;

    // Clocked where a bit changes.
    always_ff @(posedge clock)
        if (clear || (writes & ~written) != 0) written <= clear ? '0 : written | writes;
endmodule
