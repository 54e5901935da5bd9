def write_page(docs):
    pass
