// ArithmeticUnit: multiplies and adds in four pipeline stages with a bypass (EIE Sec. IV, "Arithmetic Unit").
// Beside eiesim/machine/arithmetic_unit.py: 1 codebook lookup and row accumulate, 2 read b and multiply, 3 shift and
// add, driving the write, 4 the write. A stage's data registers take a value only with an entry. An adder unit compares and
// selects in stage 2 in place of multiplying (docs/rtl.md, "The adder unit").
module arithmetic_unit #(
    parameter int INDEX_BITS = 4,
    parameter int WEIGHT_BITS = 4,
    parameter int ROW_BITS = 6,
    parameter int VALUE_BITS = 16
) (
    input  logic                         clock,
    input  logic                         start,
    // The shift between product and accumulator, -16 to 62, plus 16. It is constant during a layer.
    input  logic [6:0]                   shift_plus_16,
    input  logic                         codebook_write,
    input  logic [WEIGHT_BITS-1:0]       codebook_code,
    input  logic signed [VALUE_BITS-1:0] codebook_value,
    // SpmatRead: the entry.
    input  logic                         entry_valid,
    input  logic                         entry_first,
    input  logic [WEIGHT_BITS-1:0]       entry_code,
    input  logic [INDEX_BITS-1:0]        entry_z,
    input  logic signed [VALUE_BITS-1:0] entry_activation,
    // ActivationRW.
    input  logic signed [VALUE_BITS-1:0] accumulator,
    output logic [ROW_BITS-1:0]          row,
    output logic                         real1,
    output logic                         reads,
    output logic                         write,
    output logic [ROW_BITS-1:0]          write_row,
    output logic signed [VALUE_BITS-1:0] sum3,
    output logic                         busy,
    output logic                         done
);
`ifdef ADDER
    localparam int PRODUCT_BITS = VALUE_BITS + 2;
`else
    localparam int PRODUCT_BITS = 2 * VALUE_BITS;
`endif
    localparam int SHIFTED_BITS = PRODUCT_BITS + 17;

    logic signed [VALUE_BITS-1:0] codebook [0:2**WEIGHT_BITS-1];
    logic valid1, real2, real3, real4;
    logic [WEIGHT_BITS-1:0] code1;
    logic [INDEX_BITS-1:0] z1;
    logic [ROW_BITS-1:0] next_row1, row2, row3;
    logic signed [VALUE_BITS-1:0] activation1, weight2, activation2, accumulator3, weight;
    logic signed [PRODUCT_BITS-1:0] product, product3;
    logic bypass;

    // propagate: stage 1
    assign row = next_row1 + ROW_BITS'(z1);
    assign weight = codebook[code1];
    assign real1 = valid1 && code1 != 0;
    // stage 2
    assign reads = real2;
`ifdef ADDER
    // Twice the smaller magnitude where the signs agree, else 0. What is sent is not 0: by a 0 the bias is known, whose
    // term is the weight itself.
    logic negative2, less;
    logic signed [VALUE_BITS-1:0] nearer;  // To 0, of two numbers of one sign.
    logic [VALUE_BITS-1:0] smaller;
    assign negative2 = weight2[VALUE_BITS-1];
    assign less = weight2 < activation2;
    assign nearer = less ^ negative2 ? weight2 : activation2;
    assign smaller = negative2 ? -nearer : nearer;
    assign product = activation2 == 0 ? PRODUCT_BITS'(weight2)
                   : negative2 ^ activation2[VALUE_BITS-1] ? '0 : PRODUCT_BITS'({smaller, 1'b0});
`else
    assign product = weight2 * activation2;
`endif
    // stage 3: the sum rounded by the bit below the last one kept, which goes in as the adder's carry.
    logic signed [SHIFTED_BITS-1:0] shifted;
    logic signed [VALUE_BITS+1:0] sum;
    logic too_large, overflow, negative;
    assign shifted = $signed({product3, 17'b0}) >>> shift_plus_16;
    // A term of more than VALUE_BITS + 1 bits saturates whatever it is added to.
    assign too_large = !(&shifted[SHIFTED_BITS-1:VALUE_BITS+1]) && |shifted[SHIFTED_BITS-1:VALUE_BITS+1];
    assign sum = (VALUE_BITS+2)'(accumulator3) + (VALUE_BITS+2)'($signed(shifted[VALUE_BITS+1:1]))
               + $signed({{(VALUE_BITS+1){1'b0}}, shifted[0]});
    assign overflow = too_large || !(&sum[VALUE_BITS+1:VALUE_BITS-1] || !(|sum[VALUE_BITS+1:VALUE_BITS-1]));
    assign negative = too_large ? shifted[SHIFTED_BITS-1] : sum[VALUE_BITS+1];
    assign sum3 = overflow ? {negative, {(VALUE_BITS-1){!negative}}} : sum[VALUE_BITS-1:0];
    assign write = real3;
    assign write_row = row3;
    assign busy = valid1 || real2 || real3 || real4 || done;

    // update
    assign bypass = real2 && real3 && row2 == row3;

    always_ff @(posedge clock)
        if (codebook_write) codebook[codebook_code] <= codebook_value;

    always_ff @(posedge clock)
        if (start) begin
            valid1 <= 1'b0;
            real2 <= 1'b0;
            real3 <= 1'b0;
            real4 <= 1'b0;
            done <= 1'b0;
        end else begin
            valid1 <= entry_valid;
            real2 <= real1;
            real3 <= real2;
            real4 <= real3;
            done <= real4;
        end

    always_ff @(posedge clock)
        if (entry_valid) begin
            code1 <= entry_code;
            z1 <= entry_z;
            activation1 <= entry_activation;
        end

    always_ff @(posedge clock)
        if (entry_first || valid1) next_row1 <= entry_first ? '0 : next_row1 + ROW_BITS'(z1) + 1'b1;

    always_ff @(posedge clock)
        if (real1) begin
            row2 <= row;
            weight2 <= weight;
            activation2 <= activation1;
        end

    always_ff @(posedge clock)
        if (real2) begin
            row3 <= row2;
            product3 <= product;
            accumulator3 <= bypass ? sum3 : accumulator;
        end

`ifndef SYNTHESIS
    logic [31:0] macs, bypasses;
    always @(posedge clock)
        if (start) begin
            macs <= 0;
            bypasses <= 0;
        end else begin
            macs <= macs + 32'(real3);
            bypasses <= bypasses + 32'(bypass);
        end
`endif
endmodule
